import type { HttpResponse } from 'uWebSockets.js';
import type { EngineTurn } from './engine-turn.js';

/** For the client to close first, as it was told to. */
const lingerMs = 10_000;

/**
 * Ends a chunked response, and its connection once the client had time to do so itself (RFC 9112 §9.6).
 * To be called while the cork is held; the response must not be used any more.
 *
 * The engine's `end` with a close writes `Connection: close` there and then, which behind the head is in
 * the middle of the body. So the last chunk goes past it. Its only way to write plain text adds a colon,
 * hence a trailer: one that names the gateway, as RFC 9209 §2 allows. To the engine the response goes on,
 * so that whatever the client still sends ends the connection instead of becoming a request.
 */
export function endAndLinger(res: HttpResponse, turn: EngineTurn): void {
  let isOpen = true;
  const timer = setTimeout(() => {
    turn.runClosing(() => {
      if (isOpen) res.close();
    });
  }, lingerMs);
  timer.unref();
  res.onAborted(() => {
    isOpen = false;
    clearTimeout(timer);
  });
  res.onWritable(() => {
    turn.run(() => {
      // Corking, even of nothing, is what makes the engine send what it kept.
      if (isOpen) res.cork(() => undefined);
    });
    return true;
  });
  res.writeHeader('\r\n0\r\nProxy-Status', 'signet\r\n');
}
