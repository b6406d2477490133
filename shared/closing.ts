import type { Logger } from './logger.js';

/** What a composition root has started so far, to be closed in reverse order. */
export class Closing {
  readonly #steps: (() => unknown)[] = [];
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** A step that fails is logged and keeps no other from running; the first failure is thrown at the end. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        this.#logger.error({ err: error }, 'a part did not close');
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/**
 * Runs a composition root. If it fails half-way, closes what it had started and throws its own error,
 * not one of closing, which is logged.
 */
export async function startOrClose<Running>(
  logger: Logger,
  start: (closing: Closing) => Promise<Running>,
): Promise<Running> {
  const closing = new Closing(logger);
  try {
    return await start(closing);
  } catch (error) {
    await closing.run().catch(() => undefined); // logged step by step
    throw error;
  }
}
