import { StandaloneNode } from '../support/standalone-node.js';
import type { StartContender } from './contender.js';

/** A node of ours on its own store; a rotation is a revision written into it. */
export const startSignet: StartContender = async (_directory, bindings) => {
  const node = new StandaloneNode();
  await node.bind(bindings.map((binding, n) => ({ n, ...binding })));
  const readyMs = await node.startAgain();
  const startedAt = performance.now() - readyMs;
  return {
    name: 'Signet',
    port: node.port,
    startedAt,
    failure: () => undefined, // it would have failed above
    pids: () => node.pids,
    rotate: (n, certificate) => node.bind([{ n, host: bindings[n]?.host ?? '', certificate }]),
    stop: () => node.stop(),
  };
};
