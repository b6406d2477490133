import type { FuzzTarget } from './fuzz-target.js';
import { adminBodyTargets } from './targets/admin-bodies.js';
import { adminRequestTarget } from './targets/admin-requests.js';
import { certificateTargets } from './targets/certificates.js';
import { eventTarget } from './targets/events.js';
import { nameTarget } from './targets/names.js';
import { nodeProtocolTargets } from './targets/node-protocol.js';
import { nodeStoreTarget } from './targets/node-store.js';
import { upstreamResponseTarget } from './targets/upstream-response.js';

/** Everything that takes input from outside; the shares need not add up to 100. */
export const targets: readonly FuzzTarget[] = [
  ...certificateTargets,
  ...adminBodyTargets,
  adminRequestTarget,
  nameTarget,
  eventTarget,
  nodeStoreTarget,
  ...nodeProtocolTargets,
  upstreamResponseTarget,
];
