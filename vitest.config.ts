import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Suites start real processes and real TLS listeners; two cores carry two of them at a time.
    maxWorkers: 2,
    // Suites with real processes, signals and time limits share two cores with whatever else runs there.
    // A test that passed only on its second try is marked in the output: look into it.
    retry: process.env['CI'] === undefined ? 0 : 1,
    testTimeout: 30_000,
    hookTimeout: 90_000,
  },
});
