import { expect, it } from 'vitest';
import { runUntilSignal } from '../../cli/lifecycle.js';
import { createLogger } from '../../shared/create-logger.js';

it('drains when it is told to stop in the moment that it says it runs', async () => {
  const others = new Set(process.listeners('SIGTERM'));
  const done: string[] = [];
  const exitCode = await runUntilSignal(
    { listening: [], close: async () => void done.push('closed') },
    {
      log: createLogger({ level: 'silent', role: 'data-plane' }),
      closeTimeoutMs: 1000,
      announce: () => {
        done.push('announced');
        for (const listener of process.listeners('SIGTERM')) {
          if (!others.has(listener)) listener('SIGTERM');
        }
      },
    },
  );
  expect(done).toEqual(['announced', 'closed']);
  expect(exitCode).toBe(0);
});
