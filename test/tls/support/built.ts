import { built } from '../../support/built.js';

/** As it was built: it starts processes. */
export const { Supervisor } = await built<typeof import('../../../data-plane/supervisor.js')>(
  'data-plane/supervisor.js',
);
