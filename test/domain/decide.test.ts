import { describe, expect, it } from 'vitest';
import type { AddPlugin, ChangePlugin } from '../../control-plane/domain/commands.js';
import {
  api,
  apiAdded,
  apiDeleted,
  apiId,
  apiUpdated,
  certificate,
  certificateId,
  certUploaded,
  createdAt,
  keyErased,
  keyId,
  plugin,
  pluginAdded,
  pluginDeleted,
  pluginId,
  pluginSettings,
  pluginUpdated,
  settings,
} from '../support/gateway-fixtures.js';
import { given, stateAfter } from '../support/given.js';

const addApi = (n: number, overrides = {}) =>
  ({ type: 'AddApi', id: apiId(n), createdAt, settings: settings(n, overrides) }) as const;

const addPlugin = (n: number, scope: number | 'all', chain = n): AddPlugin => ({
  type: 'AddPlugin',
  id: pluginId(n),
  createdAt,
  ...(scope !== 'all' && { apiId: apiId(scope) }),
  settings: pluginSettings,
  certificate: certificate(n, chain),
});

const rotate = (n: number, uploaded: number, basedOn?: number): ChangePlugin => ({
  type: 'ChangePlugin',
  id: pluginId(n),
  changes: {},
  certificate: {
    kind: 'upload',
    certificate: certificate(uploaded),
    ...(basedOn !== undefined && { basedOn: certificateId(basedOn) }),
  },
});

describe('APIs: decide', () => {
  it('adds an API', () => {
    given([])
      .when(addApi(1))
      .thenRecords(apiAdded(api(1)));
  });

  it('names every unique value that another API holds', () => {
    given([apiAdded(api(1, { requestPath: '/x' }))])
      .when(addApi(2, { name: 'api-1', requestHost: 'host-1.test', requestPath: '/x' }))
      .thenRejected({
        code: 'already-exists',
        conflicts: [
          { field: 'name', value: 'api-1', taken: 'api-1' },
          { field: 'request_host', value: 'host-1.test', taken: 'host-1.test' },
          { field: 'request_path', value: '/x', taken: '/x' },
        ],
      });
  });

  it('takes two spellings of one host for one SNI', () => {
    given([apiAdded(api(1))])
      .when(addApi(2, { requestHost: 'HOST-1.test' }))
      .thenRejected({
        code: 'already-exists',
        conflicts: [{ field: 'request_host', value: 'HOST-1.test', taken: 'host-1.test' }],
      });
  });

  it('rejects an id that is taken', () => {
    given([apiAdded(api(1))])
      .when({ ...addApi(2), id: apiId(1) })
      .thenRejected({
        code: 'already-exists',
        conflicts: [{ field: 'id', value: apiId(1), taken: apiId(1) }],
      });
  });

  it('frees values once their API is changed or deleted', () => {
    given([apiAdded(api(1)), apiDeleted(1)])
      .when(addApi(2, { name: 'api-1', requestHost: 'host-1.test' }))
      .thenRecords(apiAdded(api(2, { name: 'api-1', requestHost: 'host-1.test' })));
    given([apiAdded(api(1)), apiUpdated(api(1, { requestHost: 'moved.test' }))])
      .when(addApi(2, { requestHost: 'host-1.test' }))
      .thenRecords(apiAdded(api(2, { requestHost: 'host-1.test' })));
  });

  it('changes only the given fields, and does not take own values for a conflict', () => {
    given([apiAdded(api(1))])
      .when({ type: 'ChangeApi', id: apiId(1), changes: { name: 'api-1', preserveHost: true } })
      .thenRecords(apiUpdated(api(1, { preserveHost: true })));
  });

  it('takes away what a change unsets, and nothing else', () => {
    given([apiAdded(api(1, { upstreamCa: 'PEM', upstreamVerify: false }))])
      .when({ type: 'ChangeApi', id: apiId(1), changes: {}, unset: ['upstreamCa'] })
      .thenRecords(apiUpdated(api(1, { upstreamVerify: false })));
    given([apiAdded(api(1))])
      .when({ type: 'ChangeApi', id: apiId(1), changes: {}, unset: ['upstreamCa'] })
      .thenRecords();
  });

  it('records nothing for a change that changes nothing', () => {
    given([apiAdded(api(1))])
      .when({ type: 'ChangeApi', id: apiId(1), changes: { name: 'api-1' } })
      .thenRecords();
  });

  it('replaces all fields but id and, unless given, created_at', () => {
    const { requestHost: _, ...bare } = settings(1, { requestPath: '/p' });
    given([apiAdded(api(1))])
      .when({ type: 'ReplaceApi', id: apiId(1), settings: bare })
      .thenRecords(apiUpdated({ id: apiId(1), createdAt, ...bare }));
    given([apiAdded(api(1))])
      .when({ type: 'ReplaceApi', id: apiId(1), createdAt: 5, settings: settings(1) })
      .thenRecords(apiUpdated({ ...api(1), createdAt: 5 }));
  });

  it('rejects to replace, change or delete what is not there', () => {
    const rejection = { code: 'api-not-found' } as const;
    given([])
      .when({ type: 'ReplaceApi', id: apiId(1), settings: settings(1) })
      .thenRejected(rejection);
    given([])
      .when({ type: 'ChangeApi', id: apiId(1), changes: {} })
      .thenRejected(rejection);
    given([])
      .when({ type: 'DeleteApi', id: apiId(1) })
      .thenRejected(rejection);
  });

  it('deletes an API together with its plugin', () => {
    given([apiAdded(api(1)), certUploaded(certificate(1)), pluginAdded(plugin(1, 1))])
      .when({ type: 'DeleteApi', id: apiId(1) })
      .thenRecords(pluginDeleted(1), apiDeleted(1));
  });
});

describe('plugins: decide', () => {
  const bound = [apiAdded(api(1)), certUploaded(certificate(1)), pluginAdded(plugin(1, 1))];

  it('uploads a certificate and binds it in one append', () => {
    given([apiAdded(api(1))])
      .when(addPlugin(1, 1))
      .thenRecords(certUploaded(certificate(1)), pluginAdded(plugin(1, 1)));
  });

  it('uses a chain again that is already stored', () => {
    given([...bound, apiAdded(api(2))])
      .when(addPlugin(2, 2, 1))
      .thenRecords(pluginAdded(plugin(2, 2, 1)));
  });

  it('does not use a certificate again whose key was erased', () => {
    given([...bound, pluginDeleted(1), keyErased(1)])
      .when(addPlugin(2, 1, 1))
      .thenRecords(certUploaded(certificate(2, 1)), pluginAdded(plugin(2, 1)));
  });

  it('allows one plugin per API and one for all APIs', () => {
    given(bound).when(addPlugin(2, 1)).thenRejected({ code: 'plugin-already-exists' });
    given(bound)
      .when(addPlugin(2, 'all'))
      .thenRecords(certUploaded(certificate(2)), pluginAdded(plugin(2, 'all')));
    given([certUploaded(certificate(1)), pluginAdded(plugin(1, 'all'))])
      .when(addPlugin(2, 'all'))
      .thenRejected({ code: 'plugin-already-exists' });
  });

  it('counts a disabled plugin too', () => {
    given([
      apiAdded(api(1)),
      certUploaded(certificate(1)),
      pluginAdded(plugin(1, 1, 1, { enabled: false })),
    ])
      .when(addPlugin(2, 1))
      .thenRejected({ code: 'plugin-already-exists' });
  });

  it('rejects an API that is not there', () => {
    given([])
      .when(addPlugin(1, 7))
      .thenRejected({ code: 'plugin-api-unknown', apiId: apiId(7) });
  });

  it('merges a change, keeping the certificate', () => {
    given(bound)
      .when({
        type: 'ChangePlugin',
        id: pluginId(1),
        changes: { onlyHttps: true },
        certificate: { kind: 'keep' },
      })
      .thenRecords(pluginUpdated(plugin(1, 1, 1, { onlyHttps: true })));
  });

  it('takes away what a change unsets, keeping the rest', () => {
    given([
      apiAdded(api(1)),
      certUploaded(certificate(1)),
      pluginAdded(plugin(1, 1, 1, { hstsMaxAge: 60, hstsPreload: true })),
    ])
      .when({
        type: 'ChangePlugin',
        id: pluginId(1),
        changes: { onlyHttps: true },
        unset: ['hstsMaxAge'],
        certificate: { kind: 'keep' },
      })
      .thenRecords(pluginUpdated(plugin(1, 1, 1, { hstsPreload: true, onlyHttps: true })));
  });

  it('replaces the settings, keeping the certificate on request', () => {
    given([
      apiAdded(api(1)),
      certUploaded(certificate(1)),
      pluginAdded(plugin(1, 1, 1, { onlyHttps: true, enabled: false })),
    ])
      .when({
        type: 'ReplacePlugin',
        id: pluginId(1),
        apiId: apiId(1),
        settings: pluginSettings,
        certificate: { kind: 'keep' },
      })
      .thenRecords(pluginUpdated(plugin(1, 1)));
  });

  it('rotates to an uploaded certificate', () => {
    given(bound)
      .when(rotate(1, 2))
      .thenRecords(certUploaded(certificate(2)), pluginUpdated(plugin(1, 1, 2)));
  });

  it('rejects half a pair that was checked against a certificate replaced meanwhile', () => {
    given(bound)
      .when(rotate(1, 2, 1))
      .thenRecords(certUploaded(certificate(2)), pluginUpdated(plugin(1, 1, 2)));
    given(bound)
      .when(rotate(1, 2, 9))
      .thenRejected({ code: 'certificate-changed' });
  });

  it('moves a plugin to an API that has none', () => {
    const move: ChangePlugin = {
      type: 'ChangePlugin',
      id: pluginId(1),
      changes: { apiId: apiId(2) },
      certificate: { kind: 'keep' },
    };
    given(bound)
      .when(move)
      .thenRejected({ code: 'plugin-api-unknown', apiId: apiId(2) });
    given([...bound, apiAdded(api(2))])
      .when(move)
      .thenRecords(pluginUpdated(plugin(1, 2, 1)));
    given([...bound, apiAdded(api(2)), pluginAdded(plugin(2, 2, 1))])
      .when(move)
      .thenRejected({ code: 'plugin-already-exists' });
  });

  it('does not find a plugin under an API it does not belong to', () => {
    const rejection = { code: 'plugin-not-found' } as const;
    const under = apiId(2);
    const history = [...bound, apiAdded(api(2))];
    given(history)
      .when({ type: 'DeletePlugin', id: pluginId(1), under })
      .thenRejected(rejection);
    given(history)
      .when({ ...rotate(1, 2), under })
      .thenRejected(rejection);
  });
});

describe('keys: state and decide', () => {
  const shared = [
    apiAdded(api(1)),
    apiAdded(api(2)),
    certUploaded(certificate(1)),
    pluginAdded(plugin(1, 1)),
    pluginAdded(plugin(2, 2, 1)),
  ];

  it('keeps a key while any plugin uses its certificate', () => {
    expect(stateAfter(shared).keysToErase.size).toBe(0);
    expect(stateAfter([...shared, pluginDeleted(1)]).keysToErase.size).toBe(0);
  });

  it('gives up a key with the last use, and says why', () => {
    const deleted = stateAfter([...shared, pluginDeleted(1), apiDeleted(2)]);
    expect(deleted.keysToErase.get(certificateId(1))).toEqual({
      keyId: keyId(1),
      cause: 'deleted',
    });
    const replaced = stateAfter([
      ...shared,
      pluginDeleted(1),
      certUploaded(certificate(3)),
      pluginUpdated(plugin(2, 2, 3)),
    ]);
    expect(replaced.keysToErase.get(certificateId(1))).toEqual({
      keyId: keyId(1),
      cause: 'replaced',
    });
  });

  it('records an erasure once, and none for a key that is in use again', () => {
    const erase = { type: 'EraseKey', certificateId: certificateId(1) } as const;
    const unused = [...shared, pluginDeleted(1), pluginDeleted(2)];
    given(unused).when(erase).thenRecords(keyErased(1));
    given([...unused, keyErased(1)])
      .when(erase)
      .thenRecords();
    given([...unused, pluginAdded(plugin(3, 1, 1))])
      .when(erase)
      .thenRecords();
  });

  it('forgets a certificate whose key was erased', () => {
    const state = stateAfter([...shared, pluginDeleted(1), pluginDeleted(2), keyErased(1)]);
    expect(state.certificates.size).toBe(0);
    expect(state.certificateIdsByLeaf.size).toBe(0);
    expect(state.keysToErase.size).toBe(0);
  });
});

describe('the log', () => {
  it('is created once', () => {
    const create = { type: 'CreateLog', logId: 'l1' } as const;
    const created = { type: 'LogCreated', data: { logId: 'l1' } } as const;
    given([]).when(create).thenRecords(created);
    given([created]).when(create).thenRecords();
    given([created])
      .when({ type: 'CreateLog', logId: 'l2' })
      .thenRejected({ code: 'log-already-created' });
  });
});
