import type { Checkpoint } from '../events/checkpoint.js';

/** Keeps signed checkpoints. What an attacker must not reach along with the log: copy it elsewhere. */
export interface CheckpointStore {
  /** Durable when the promise resolves. */
  append(checkpoint: Checkpoint): Promise<void>;
  /** All of them, oldest first. */
  read(): Promise<readonly Checkpoint[]>;
}
