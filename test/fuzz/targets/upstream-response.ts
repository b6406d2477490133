import { ResponseParser } from '../../../data-plane/proxy/upstream/response-parser.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { bytesOf, mutated } from '../mutations.js';

const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\nX-T: t\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n',
  'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi',
  'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 10\r\n\r\n',
];
const tokens = [
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'ffffffffffffffff\r\n',
  '\r\n\r\n',
  ': ',
];

interface Seen {
  text: string;
  body: string;
  end: string;
}

/** All that the parser says of some bytes that come in the given pieces. */
function read(pieces: readonly Buffer[], toHead: boolean, toUpgrade: boolean): Seen {
  const seen: Seen = { text: '', body: '', end: '' };
  const finish = (end: string) => {
    if (seen.end !== '') throw new Error(`${end} after ${seen.end}`);
    seen.end = end;
  };
  const parser = new ResponseParser(
    {
      informational: (status) => {
        seen.text += `${status} `;
      },
      head: (head) => {
        seen.text += JSON.stringify(head);
      },
      body: (piece) => {
        if (seen.end !== '') throw new Error(`body after ${seen.end}`);
        seen.body += piece.toString('latin1');
      },
      complete: () => finish('complete'),
      upgraded: (head) => {
        seen.text += JSON.stringify(head);
        finish('upgraded');
      },
      malformed: () => finish('malformed'),
      cut: () => finish('cut'),
    },
    { maxHeadBytes: 4_096 },
  );
  parser.expect({ toHead, toUpgrade });
  for (const piece of pieces) if (seen.end === '') parser.execute(piece, piece.length);
  if (seen.end === '') parser.end();
  if (seen.end === '') throw new Error('no end');
  return seen;
}

/** How the network cuts the bytes must not change what they mean. */
function takeResponse(input: Uint8Array): void {
  const bytes = Buffer.from(input);
  const [toHead, toUpgrade] = [(bytes[0] ?? 0) % 7 === 3, bytes.length % 2 === 1];
  const whole = read([bytes], toHead, toUpgrade);
  const step = 1 + (bytes.length % 7);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += step) pieces.push(bytes.subarray(at, at + step));
  const split = read(pieces, toHead, toUpgrade);
  if (whole.end !== split.end || whole.text !== split.text) {
    throw new Error(`${whole.end} in one piece, ${split.end} in pieces of ${step}`);
  }
  if (whole.end !== 'malformed' && whole.body !== split.body) throw new Error('another body');
}

export const upstreamResponseTarget: FuzzTarget = {
  name: 'upstream-response',
  share: 20,
  prepare: () => ({
    inputs: mutated(bytesOf(...responses), { tokens, maxBytes: 6_000 }),
    run: takeResponse,
  }),
};
