import type { CommandRejection } from '../application/command-outcome.js';
import { notFound, Refusal } from './refusal.js';

/** Kong's answer to each reason why the domain says no. */
export function refusalFor(rejection: CommandRejection): Refusal {
  switch (rejection.code) {
    case 'api-not-found':
    case 'plugin-not-found':
      return notFound();
    case 'plugin-api-unknown':
      return new Refusal(404, { api_id: `does not exist with value '${rejection.apiId}'` });
    case 'already-exists': {
      const entries = rejection.conflicts.map(({ field, value }) => [
        field,
        `already exists with value '${value}'`,
      ]);
      return new Refusal(409, Object.fromEntries(entries));
    }
    case 'plugin-already-exists':
      return new Refusal(409, { message: 'Plugin configuration already exists' });
    case 'certificate-changed':
      return new Refusal(409, {
        message: 'The certificate was changed meanwhile, send both halves',
      });
    case 'key-erased': {
      const hosts = rejection.lost.map(({ requestHost }) => requestHost ?? 'APIs without a host');
      return new Refusal(409, {
        message: `Private keys were erased, upload these certificates again: ${hosts.join(', ')}`,
      });
    }
    case 'precondition-failed':
      return new Refusal(412, { message: 'The entity was changed since it was read' });
    case 'idempotency-key-reused':
      return new Refusal(422, { message: 'This Idempotency-Key was used for another request' });
    case 'log-already-created':
      return new Refusal(409, { message: 'The event log exists already' });
    default: {
      const unknown: never = rejection;
      return unknown;
    }
  }
}
