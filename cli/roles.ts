import type { GatewayConfig } from '../shared/config.js';
import type { RootLogger } from '../shared/create-logger.js';
import type { RunningControlPlane, RunningRole } from '../shared/running.js';

/**
 * The composition roots, as the commands call them: `control-plane/main.ts` and
 * `data-plane/main.ts`, loaded only by the command that needs them (the control plane must never
 * load the engine).
 */
export interface Roles {
  startControlPlane(config: GatewayConfig, log: RootLogger): Promise<RunningControlPlane>;
  startDataPlane(config: GatewayConfig, log: RootLogger): Promise<RunningRole>;
}
