import { join } from 'node:path';

/** Where a control plane's files lie in its data directory. */
export function dataFiles(dataDir: string) {
  return {
    eventLog: join(dataDir, 'events.sqlite'),
    keyVault: join(dataDir, 'keys.sqlite'),
    grantLog: join(dataDir, 'grants.sqlite'),
    cluster: join(dataDir, 'cluster'),
    masterKey: join(dataDir, 'master.key'),
    stateSnapshot: join(dataDir, 'state.snapshot'),
    checkpointKey: join(dataDir, 'checkpoint.key'),
    checkpointPublicKey: join(dataDir, 'checkpoint.key.pub'),
    history: join(dataDir, 'history.sqlite'),
    checkpoints: join(dataDir, 'checkpoints.jsonl'),
  };
}
