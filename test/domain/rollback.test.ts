import { describe, it } from 'vitest';
import type { RollbackScope } from '../../control-plane/domain/commands.js';
import type { GatewayEvent } from '../../shared/events.js';
import {
  api,
  apiAdded,
  apiDeleted,
  apiId,
  apiUpdated,
  certificate,
  certificateId,
  certUploaded,
  keyErased,
  plugin,
  pluginAdded,
  pluginDeleted,
  pluginUpdated,
} from '../support/gateway-fixtures.js';
import { given, stateAfter } from '../support/given.js';

const everything: RollbackScope = { kind: 'everything' };

function rollback(target: readonly GatewayEvent[], scope: RollbackScope = everything) {
  return { type: 'Rollback', target: stateAfter(target), scope } as const;
}

const then = [apiAdded(api(1)), certUploaded(certificate(1)), pluginAdded(plugin(1, 1))];
const rotated = [...then, certUploaded(certificate(2)), pluginUpdated(plugin(1, 1, 2))];

describe('rollback: decide', () => {
  it('records nothing if nothing differs', () => {
    given(then).when(rollback(then)).thenRecords();
  });

  it('binds the former certificate again while its key is there', () => {
    given(rotated)
      .when(rollback(then))
      .thenRecords(pluginUpdated(plugin(1, 1)));
  });

  it('is refused where the key of a former certificate was erased', () => {
    given([...rotated, keyErased(1)])
      .when(rollback(then))
      .thenRejected({
        code: 'key-erased',
        lost: [
          {
            certificateId: certificateId(1),
            fingerprint256: certificate(1).fingerprint256,
            requestHost: 'host-1.test',
          },
        ],
      });
  });

  it('serves the same chain if it was uploaded again since', () => {
    given([
      ...rotated,
      keyErased(1),
      apiAdded(api(2)),
      certUploaded(certificate(5, 1)),
      pluginAdded(plugin(2, 2, 5)),
    ])
      .when(rollback(then, { kind: 'api', apiId: apiId(1) }))
      .thenRecords(pluginUpdated(plugin(1, 1, 5)));
  });

  it('brings deleted APIs and plugins back, and takes later ones away', () => {
    given([...then, apiAdded(api(2)), pluginDeleted(1), apiDeleted(1)])
      .when(rollback(then))
      .thenRecords(apiDeleted(2), apiAdded(api(1)), pluginAdded(plugin(1, 1)));
  });

  it('can swap hosts between two APIs', () => {
    const before = [apiAdded(api(1)), apiAdded(api(2))];
    const swapped = [
      ...before,
      apiUpdated(api(1, { requestHost: 'x.test' })),
      apiUpdated(api(2, { requestHost: 'host-1.test' })),
      apiUpdated(api(1, { requestHost: 'host-2.test' })),
    ];
    given(swapped)
      .when(rollback(before))
      .thenRecords(apiUpdated(api(1)), apiUpdated(api(2)));
  });

  it('touches one API, or the API of one host, only', () => {
    const now = [...then, apiAdded(api(2)), apiUpdated(api(1, { preserveHost: true }))];
    given(now)
      .when(rollback(then, { kind: 'api', apiId: apiId(1) }))
      .thenRecords(apiUpdated(api(1)));
    given(now)
      .when(rollback(then, { kind: 'host', requestHost: 'HOST-2.test' }))
      .thenRecords(apiDeleted(2));
  });

  it('is rejected where an API outside its scope holds a value that has to come back', () => {
    given([
      ...then,
      apiUpdated(api(1, { requestHost: 'moved.test' })),
      apiAdded(api(2, { requestHost: 'host-1.test' })),
    ])
      .when(rollback(then, { kind: 'api', apiId: apiId(1) }))
      .thenRejected({
        code: 'already-exists',
        conflicts: [{ field: 'request_host', value: 'host-1.test', taken: 'host-1.test' }],
      });
  });
});
