import { PersistentRelation } from '../../control-plane/domain/persistent-relation.js';
import type { GatewayState } from '../../control-plane/domain/state.js';

/** A state to compare with another one: plain maps and sets, whose order does not matter. */
export function plainState(state: GatewayState): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(state).map(([field, value]) => [field, plain(value)]));
}

function plain(value: GatewayState[keyof GatewayState]): unknown {
  if (value === undefined || typeof value === 'string') return value;
  if (!(value instanceof PersistentRelation)) return new Map<unknown, unknown>(value);
  const sets = new Map<unknown, unknown>();
  for (const [key, members] of value) sets.set(key, new Set<unknown>(members));
  return sets;
}
