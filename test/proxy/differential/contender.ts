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

const silenceMs = 400;

/** Sends the bytes on a connection of their own and waits for its end, or for silence. */
export async function play(contender: Contender, { bytes }: Case, id: number): Promise<Outcome> {
  const received = await new Promise<{ text: string; closed: boolean }>((resolve) => {
    const socket = connect(contender.port, '127.0.0.1');
    let text = '';
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed });
    };
    let timer = setTimeout(() => finish(false), silenceMs);
    socket.on('connect', () => socket.write(bytes, 'latin1'));
    socket.on('data', (data) => {
      text += data.toString('latin1');
      clearTimeout(timer);
      timer = setTimeout(() => finish(false), silenceMs / 4);
    });
    socket.on('error', () => finish(true));
    socket.on('close', () => finish(true));
  });
  const status = /^HTTP\/1\.[01] ([0-9]{3})/.exec(received.text)?.[1];
  return {
    status: status === undefined ? (received.closed ? 'closed' : 'silent') : Number(status),
    location: /^location: (.*)\r$/im.exec(received.text)?.[1],
    upstream: contender.recorder
      .of(id)
      .map(({ method, target, body }) => `${method} ${target} ${JSON.stringify(body)}`),
  };
}

/** What counts as the same: forwarded or redirected alike, or refused. How it is refused may differ. */
export function gist({ status, location, upstream }: Outcome): string {
  if (location !== undefined) return `redirected to ${location}`;
  if (upstream.length > 0) return `forwarded ${upstream.join(' + ')}`;
  if (status === 'silent') return 'waits for more';
  return 'refused';
}
