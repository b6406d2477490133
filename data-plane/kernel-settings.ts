import { readFileSync } from 'node:fs';

/** A setting of the kernel or of the process that should be another. */
export interface KernelAdvice {
  readonly setting: string;
  readonly is: number;
  readonly wanted: string;
  readonly why: string;
}

interface Wish {
  readonly setting: string;
  readonly read: (readText: ReadText) => number | undefined;
  readonly isMet: (value: number) => boolean;
  readonly wanted: string;
  readonly why: string;
  /** Matters only where several processes share the ports. */
  readonly ifSharing?: true;
}

type ReadText = (path: string) => string;

const sysctl = (name: string, field = 0) => {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  return (readText: ReadText) => numberOf(readText(path).trim().split(/\s+/)[field]);
};

const openFilesIn = (readText: ReadText) =>
  numberOf(/^Max open files\s+\S+\s+(\S+)/m.exec(readText('/proc/self/limits'))?.[1]);

const wishes: readonly Wish[] = [
  {
    setting: 'net.ipv4.tcp_rmem (max)',
    read: sysctl('net.ipv4.tcp_rmem', 2),
    isMet: (max) => max <= 400_000,
    wanted: '≤ 400000, e.g. "4096 131072 400000"',
    why: 'the engine handles a read that fills its 512 KiB buffer badly; this makes such reads rare',
  },
  {
    setting: 'net.ipv4.tcp_notsent_lowat',
    read: sysctl('net.ipv4.tcp_notsent_lowat'),
    isMet: (bytes) => bytes <= 131_072,
    wanted: '131072',
    why: 'slow clients otherwise look stalled while megabytes lie in the send buffer',
  },
  {
    setting: 'net.core.somaxconn',
    read: sysctl('net.core.somaxconn'),
    isMet: (connections) => connections >= 512,
    wanted: '≥ 512',
    why: 'bursts of connections overflow a shorter queue',
  },
  {
    setting: 'net.ipv4.tcp_migrate_req',
    read: sysctl('net.ipv4.tcp_migrate_req'),
    isMet: (value) => value === 1,
    wanted: '1',
    why: 'connections queued for a process that ends go to the others instead of being reset',
    ifSharing: true,
  },
  {
    setting: 'open files',
    read: openFilesIn,
    isMet: (files) => files >= 65_536,
    wanted: '≥ 65536',
    why: 'a proxied connection takes two, and without any left the accept loop spins',
  },
];

/**
 * What of the system would be better otherwise. Nothing is changed here: the settings belong to the
 * network namespace or the container. Empty where /proc is missing.
 */
export function kernelAdvice(
  isSharingPorts: boolean,
  readText: ReadText = (path) => readFileSync(path, 'utf8'),
): KernelAdvice[] {
  return wishes.flatMap(({ setting, read, isMet, wanted, why, ifSharing }) => {
    if (ifSharing && !isSharingPorts) return [];
    const is = readValue(read, readText);
    return is === undefined || isMet(is) ? [] : [{ setting, is, wanted, why }];
  });
}

/** How many files this process may have open: the hard limit, to which Node raises the soft one. */
export function openFiles(readText: ReadText = (path) => readFileSync(path, 'utf8')): number {
  return readValue(openFilesIn, readText) ?? Number.POSITIVE_INFINITY;
}

function readValue(read: Wish['read'], readText: ReadText): number | undefined {
  try {
    return read(readText);
  } catch {
    return undefined; // another system, or a kernel without this setting
  }
}

function numberOf(text: string | undefined): number | undefined {
  if (text === 'unlimited') return Number.POSITIVE_INFINITY;
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}
