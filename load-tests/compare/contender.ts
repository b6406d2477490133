import type { ServedCertificate } from '../../shared/snapshot.js';

/** A host and the certificate it is to be shown. */
export interface Binding {
  readonly host: string;
  readonly certificate: ServedCertificate;
}

/**
 * A server under comparison. Each has one thread that serves, logs nothing, keeps connections alive and
 * tickets on, offers TLS 1.2 and 1.3, and answers every request by itself with a few bytes.
 */
export interface Contender {
  readonly name: string;
  readonly port: number;
  /** When its processes were started, by `performance.now()`. */
  readonly startedAt: number;
  /** What it said last, once it has ended by itself. */
  readonly failure: () => string | undefined;
  /** All of its processes, as they are now. */
  readonly pids: () => readonly number[];
  /** Gives the n-th host another certificate, the cheapest way the server has; resolves when it is told. */
  readonly rotate: (n: number, certificate: ServedCertificate) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts the processes; they need not serve yet.
 * @param directory empty, for the server alone; removed by the caller.
 */
export type StartContender = (
  directory: string,
  bindings: readonly Binding[],
) => Promise<Contender>;

export function pemOf({ chainPem, keyPem }: ServedCertificate): string {
  return `${chainPem.trimEnd()}\n${keyPem.trimEnd()}\n`;
}
