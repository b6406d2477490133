import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { GatewayEventType } from '../../shared/events.js';
import { eventDataSchemas } from './event-schemas.js';

/** Turns the data of one event version into that of the next. Total over what was ever written. */
export type Upcaster = (data: unknown) => unknown;

export interface EventVersion {
  /** Version that is written now; one more than there are upcasters. */
  readonly current: number;
  /** Brings data of an older version to the current form. */
  upcast(data: unknown, from: number): unknown;
  /** What keeps `data` from being of the current form, `undefined` if nothing does. Names no value. */
  fault(data: unknown): string | undefined;
}

/**
 * @param upcasters from version 1 to 2, from 2 to 3, …; history is never edited, it is read through these.
 */
export function eventVersion(schema: TSchema, upcasters: readonly Upcaster[] = []): EventVersion {
  const validator = Compile(schema);
  return {
    current: upcasters.length + 1,
    upcast: (data, from) =>
      upcasters.slice(from - 1).reduce((older, upcaster) => upcaster(older), data),
    fault(data) {
      if (validator.Check(data)) return undefined;
      const [first] = validator.Errors(data);
      return first === undefined ? 'wrong form' : `${first.instancePath || '/'} ${first.message}`;
    },
  };
}

/** The version before this one lacked properties whose absence still means what it meant. */
const withoutNewProperties: Upcaster = (data) => data;

/** From version 1 to 2, from 2 to 3, … of each type that has changed. */
const upcasters: { readonly [Type in GatewayEventType]?: readonly Upcaster[] } = {
  // 2: several servers behind an upstream, its roots, whether it is verified.
  ApiAdded: [withoutNewProperties],
  ApiUpdated: [withoutNewProperties],
  // 2: redirects to HTTPS and HSTS.
  PluginAdded: [withoutNewProperties],
  PluginUpdated: [withoutNewProperties],
};

/** Every event type there is. */
export const eventVersions: ReadonlyMap<string, EventVersion> = new Map(
  Object.entries(eventDataSchemas).map(([type, schema]) => [
    type,
    // The schemas are one for each type.
    eventVersion(schema, upcasters[type as GatewayEventType]),
  ]),
);
