import { readFileSync } from 'node:fs';
import type { GatewayConfig } from './config.js';

/** The configured join token, `''` if there is none; only a node that has not joined yet needs it. */
export function joinTokenOf({
  joinToken,
  joinTokenPath,
}: Pick<GatewayConfig, 'joinToken' | 'joinTokenPath'>): string {
  return joinToken ?? (joinTokenPath === undefined ? '' : readFileSync(joinTokenPath, 'utf8'));
}
