import type fc from 'fast-check';

/** Something that takes input from outside. */
export interface FuzzTarget {
  readonly name: string;
  /** How many of 100 cases of a run it gets: what is slow gets fewer. */
  readonly share: number;
  /** Builds keys, files, servers; called once, in the process that fuzzes. */
  prepare(): Promise<PreparedTarget> | PreparedTarget;
}

export interface PreparedTarget {
  readonly inputs: fc.Arbitrary<Uint8Array>;
  /**
   * Gives one input to the code under test. Throws only if the code did not keep its word: a refusal
   * that it announces is no fault.
   */
  run(input: Uint8Array): void | Promise<void>;
  dispose?(): Promise<void> | void;
}
