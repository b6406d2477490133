/** `SIGNET_TEST_SEED` repeats a run; else each run is another one. A failing test prints it. */
export function testSeed(): number {
  const given = process.env['SIGNET_TEST_SEED'];
  return given === undefined ? Date.now() % 2 ** 32 : Number(given);
}

/** Whether the nightly form of a bounded test is asked for: `SIGNET_TEST_FULL=1`. */
export const fullRun = process.env['SIGNET_TEST_FULL'] === '1';
