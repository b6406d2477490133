import { setTimeout as delay } from 'node:timers/promises';
import { integer, oneOf, seededRandom } from '../../../support/random.js';
import type { LinkMode } from '../flaky-link.js';
import type { ProcessFleet } from './process-fleet.js';
import { type ProcessNode, pauseProcess } from './process-node.js';
import type { Witness } from './witness.js';

/** What happens, decided by the seed alone, and how long until the next step. */
export type Step = { readonly nextAfterMs: number } & (
  | { readonly what: 'upload' | 'upload poison'; readonly host: number }
  /** `node` is its supervisor; each is started again after a while. */
  | { readonly what: 'kill node' | 'tear store'; readonly node: number; readonly downMs: number }
  | { readonly what: 'kill serving process' | 'connect twice'; readonly node: number }
  | { readonly what: 'kill control plane'; readonly plane: number; readonly downMs: number }
  | {
      readonly what: 'link';
      readonly node: number;
      readonly plane: number;
      readonly mode: LinkMode;
    }
  | {
      readonly what: 'pause supervisor' | 'pause serving process';
      readonly node: number;
      readonly ms: number;
    }
  | { readonly what: 'pause control plane'; readonly plane: number; readonly ms: number }
);

const stepsPerSchedule = 10;
const modes: readonly LinkMode[] = ['cut', 'hold', 'slow', 'pass'];

export function planSchedule(
  seed: number,
  size: { readonly nodes: number; readonly planes: number; readonly hosts: number },
): readonly Step[] {
  const random = seededRandom(seed);
  const node = () => integer(random, size.nodes);
  const plane = () => integer(random, size.planes);
  const host = () => integer(random, size.hosts);
  const ms = (below: number) => integer(random, below);
  const faults: readonly (() => Step)[] = [
    () => ({ what: 'upload poison', host: host(), nextAfterMs: ms(30) }),
    () => ({ what: 'kill node', node: node(), downMs: ms(100), nextAfterMs: ms(30) }),
    () => ({ what: 'tear store', node: node(), downMs: ms(100), nextAfterMs: ms(30) }),
    () => ({ what: 'kill serving process', node: node(), nextAfterMs: ms(30) }),
    () => ({ what: 'connect twice', node: node(), nextAfterMs: ms(30) }),
    () => ({ what: 'kill control plane', plane: plane(), downMs: ms(100), nextAfterMs: ms(30) }),
    () => ({
      what: 'link',
      node: node(),
      plane: plane(),
      mode: oneOf(random, modes),
      nextAfterMs: ms(30),
    }),
    () => ({
      what: 'link',
      node: node(),
      plane: plane(),
      mode: oneOf(random, modes),
      nextAfterMs: ms(30),
    }),
    () => ({ what: 'pause supervisor', node: node(), ms: ms(300), nextAfterMs: ms(30) }),
    () => ({ what: 'pause serving process', node: node(), ms: ms(300), nextAfterMs: ms(30) }),
    () => ({ what: 'pause control plane', plane: plane(), ms: ms(300), nextAfterMs: ms(30) }),
  ];
  return Array.from({ length: stepsPerSchedule }, () =>
    random() < 0.5
      ? { what: 'upload', host: host(), nextAfterMs: ms(30) }
      : oneOf(random, faults)(),
  );
}

/** Resolves when all that was killed is up again and all that was stopped goes on. */
export async function carryOut(
  steps: readonly Step[],
  fleet: ProcessFleet,
  witness: Witness,
): Promise<void> {
  const underWay: Promise<unknown>[] = [];
  const again = (downMs: number, start: () => Promise<void>) =>
    underWay.push(delay(downMs).then(start));
  for (const step of steps) {
    switch (step.what) {
      case 'upload':
      case 'upload poison':
        await fleet.upload(fleet.history.hosts[step.host] ?? '', {
          isPoison: step.what === 'upload poison',
        });
        break;
      case 'kill node':
      case 'tear store': {
        const node = nodeOf(fleet, step.node);
        if (!node.isUp) break;
        await node.kill();
        if (step.what === 'tear store') {
          node.tear();
          witness.torn(node);
        }
        again(step.downMs, () => node.start());
        break;
      }
      case 'kill serving process':
        nodeOf(fleet, step.node).killServing();
        break;
      case 'connect twice':
        underWay.push(nodeOf(fleet, step.node).connectTwice());
        break;
      case 'kill control plane':
        await fleet.killPlane(step.plane);
        again(step.downMs, () => fleet.startPlane(step.plane));
        break;
      case 'link':
        nodeOf(fleet, step.node).setLink(step.plane, step.mode);
        break;
      case 'pause supervisor':
      case 'pause serving process': {
        const which = step.what === 'pause supervisor' ? 'supervisor' : 'serving';
        underWay.push(nodeOf(fleet, step.node).pause(which, step.ms));
        break;
      }
      case 'pause control plane': {
        const pid = fleet.planePid(step.plane);
        if (pid !== undefined) underWay.push(pauseProcess(pid, step.ms));
        break;
      }
      default:
        step satisfies never;
    }
    await delay(step.nextAfterMs);
  }
  // A node that starts without a control plane gives it two seconds before it says that it is up.
  fleet.mendLinks();
  await Promise.all(underWay);
}

function nodeOf(fleet: ProcessFleet, index: number): ProcessNode {
  const node = fleet.nodes[index];
  if (node === undefined) throw new RangeError(`there is no node ${index}`);
  return node;
}
