import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { useScene } from './support/scene.js';

const scene = useScene();

const connections = 5_000;
const rounds = 4;
const atATime = 20;

/** What the C library's heap takes of the process's resident memory; V8's is elsewhere. */
function heapBytes(pid: number): number {
  const smaps = readFileSync(`/proc/${pid}/smaps`, 'latin1');
  return Number(/\[heap\]\n(?:.*\n)*?Rss: +(\d+) kB/.exec(smaps)?.[1]) * 1024;
}

/** Each sends one request whose answer closes its connection, and reads on until it is closed. */
async function closeMany(port: number, count: number): Promise<void> {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const socket = connect(port, '127.0.0.1');
      socket
        .resume()
        .write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
      await once(socket, 'close');
    }
  };
  await Promise.all(Array.from({ length: atATime }, one));
}

it('a connection that the gateway closed leaves no memory behind', async () => {
  const gateway = await scene.gateway({ apis: [] });
  const { pid, httpPort } = gateway;
  const left: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = heapBytes(pid);
    await closeMany(httpPort, connections);
    left.push((heapBytes(pid) - before) / connections);
  }
  expect((await gateway.measure()).counters.requestsTotal).toBe(connections * rounds);
  // What each connection leaves behind every round shows; compiling what became hot only some.
  expect(Math.min(...left)).toBeLessThan(120);
}, 60_000);
