import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { eventVersion, eventVersions } from '../../control-plane/events/event-versions.js';

/** `HostBound` as it might have grown: a name, then a list, then a list with a port. */
const hostBound = eventVersion(
  Type.Object(
    { hosts: Type.Array(Type.String()), port: Type.Integer() },
    { additionalProperties: false },
  ),
  [(data) => ({ hosts: [Object(data).host] }), (data) => ({ ...Object(data), port: 443 })],
);

describe('event versions', () => {
  it('bring data of any older version to the current form', () => {
    const current = { hosts: ['a.test'], port: 443 };
    expect(hostBound.current).toBe(3);
    expect(hostBound.upcast({ host: 'a.test' }, 1)).toEqual(current);
    expect(hostBound.upcast({ hosts: ['a.test'] }, 2)).toEqual(current);
    expect(hostBound.upcast(current, 3)).toEqual(current);
  });

  it('say what is wrong by its place, not by its value', () => {
    expect(hostBound.fault({ hosts: ['a.test'], port: 443 })).toBeUndefined();
    const fault = hostBound.fault({ hosts: ['a.test'], port: 'secret' });
    expect(fault).toContain('/port');
    expect(fault).not.toContain('secret');
    expect(hostBound.fault({ hosts: [], port: 1, more: 1 })).toBeDefined();
  });

  it('are those that a release has written at the most', () => {
    const beyondFirst = [...eventVersions].filter(([, { current }]) => current !== 1);
    expect(beyondFirst.map(([type, { current }]) => [type, current])).toEqual([
      ['ApiAdded', 2],
      ['ApiUpdated', 2],
      ['PluginAdded', 2],
      ['PluginUpdated', 2],
    ]);
  });
});
