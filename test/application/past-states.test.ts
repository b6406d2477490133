import { expect, it } from 'vitest';
import { PastStates } from '../../control-plane/application/past-states.js';
import type { GatewayState } from '../../control-plane/domain/state.js';
import { revision } from '../../shared/revision.js';
import { openStores, startControlPlane } from '../support/control-plane.js';
import { apiId, createdAt, settings } from '../support/gateway-fixtures.js';

it('every former state can be had, in any order', async () => {
  const { handler, folded, log } = await startControlPlane(await openStores());
  const states: GatewayState[] = [];
  for (let n = 0; n < 30; n++) {
    await handler.execute(
      { type: 'AddApi', id: apiId(n), createdAt, settings: settings(n) },
      { actor: 'tester', correlationId: `c-${n}` },
    );
    states.push(folded.state);
  }
  const past = new PastStates(log, folded);
  for (const n of [29, 3, 17, 17, 0, 28, 4]) {
    expect(await past.at(revision(n)), `${n}`).toEqual(states[n]);
  }
});
