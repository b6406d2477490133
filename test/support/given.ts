import { expect } from 'vitest';
import type { Command } from '../../control-plane/domain/commands.js';
import { decide } from '../../control-plane/domain/decide.js';
import type { Rejection } from '../../control-plane/domain/decision.js';
import { evolve } from '../../control-plane/domain/evolve.js';
import { type GatewayState, initialState } from '../../control-plane/domain/state.js';
import type { GatewayEvent } from '../../shared/events.js';

/** The state that a history leads to. */
export function stateAfter(events: readonly GatewayEvent[]): GatewayState {
  return events.reduce(evolve, initialState);
}

/** Specifies the decider: `given(history).when(command).thenRecords(events)` or `.thenRejected(…)`. */
export function given(history: readonly GatewayEvent[]) {
  const state = stateAfter(history);
  return {
    when(command: Command) {
      const decision = decide(state, command);
      return {
        thenRecords(...events: readonly GatewayEvent[]): void {
          expect(decision).toEqual({ accepted: true, events });
        },
        thenRejected(rejection: Rejection): void {
          expect(decision).toEqual({ accepted: false, rejection });
        },
      };
    },
  };
}
