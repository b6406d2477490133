import { once } from 'node:events';
import { connect } from 'node:net';
import type { Case } from './corpus.js';
import type { Recorder } from './recorder.js';

/** A proxy with its own recording upstream. */
export interface Contender {
  readonly name: 'signet' | 'nginx' | 'haproxy';
  readonly port: number;
  readonly recorder: Recorder;
}

/** What became of a case: the first answer's status, and what the upstream was asked for. */
export interface Outcome {
  readonly status: number | 'closed' | 'silent';
  readonly location: string | undefined;
  readonly upstream: readonly string[];
}

const silenceMs = 40;
/** In a row: the request sent after a silence may be answered before the one that is waited for. */
const silences = 3;

/** Sends the bytes on a connection of their own and waits for its end, or for silence. */
export async function play(contender: Contender, { bytes }: Case, id: number): Promise<Outcome> {
  const socket = connect(contender.port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.on('connect', () => socket.write(bytes, 'latin1'));
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  socket.on('error', () => socket.destroy());
  const end = new Promise<void>((resolve) => {
    socket.on('close', () => {
      closed = true;
      resolve();
    });
  });
  for (let heard = 0, quiet = 0; !closed && quiet < silences; ) {
    await Promise.race([end, silence(contender.port)]);
    quiet = text.length === heard ? quiet + 1 : 0;
    heard = text.length;
  }
  socket.destroy();
  // What was forwarded before the end may still be on its way to the upstream.
  if (closed) await silence(contender.port);
  const status = /^HTTP\/1\.[01] ([0-9]{3})/.exec(text)?.[1];
  return {
    status: status === undefined ? (closed ? 'closed' : 'silent') : Number(status),
    location: /^location: (.*)\r$/im.exec(text)?.[1],
    upstream: contender.recorder
      .of(id)
      .map(({ method, target, body }) => `${method} ${target} ${JSON.stringify(body)}`),
  };
}

/** A while in which a busy machine had the time to answer: a request that was sent after it is answered. */
async function silence(port: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, silenceMs));
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
}

/** What counts as the same: forwarded or redirected alike, or refused. How it is refused may differ. */
export function gist({ status, location, upstream }: Outcome): string {
  if (location !== undefined) return `redirected to ${location}`;
  if (upstream.length > 0) return `forwarded ${upstream.join(' + ')}`;
  if (status === 'silent') return 'waits for more';
  return 'refused';
}
