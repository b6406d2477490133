import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** In testssl.sh's own order; what is below is no fault, `WARN` is about the test itself. */
export const severities = ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'FATAL'] as const;
export type Severity = (typeof severities)[number];

export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly finding: string;
}

export interface TestsslTarget {
  readonly host: string;
  readonly port: number;
  /** PEM file of the authority that the certificate's chain ends at. */
  readonly caFile: string;
}

/** What testssl.sh finds at a listener on loopback, from severity LOW on. */
export async function testssl(
  directory: string,
  { host, port, caFile }: TestsslTarget,
): Promise<readonly Finding[]> {
  const file = join(directory, `${host}-${port}.json`);
  const child = spawn(
    'testssl',
    [
      ...['--quiet', '--color', '0', '--warnings', 'batch', '--add-ca', caFile],
      ...['--jsonfile', file, '--ip', '127.0.0.1', `${host}:${port}`],
    ],
    { stdio: 'ignore' },
  );
  await once(child, 'exit'); // its code counts its findings
  const all = JSON.parse(readFileSync(file, 'utf8')) as {
    id: string;
    severity: string;
    finding: string;
  }[];
  if (all.length === 0) throw new Error('testssl.sh found nothing at all');
  return all.flatMap(({ id, severity, finding }) => {
    const known = severities.find((each) => each === severity);
    return known === undefined ? [] : [{ id, severity: known, finding }];
  });
}

/** The findings that a Markdown table lists by name and severity. */
export function listedFindings(markdown: string): ReadonlyMap<string, Severity> {
  const rows = markdown.matchAll(/^\| `(\w+)` *\| (LOW|MEDIUM|HIGH|CRITICAL|FATAL) /gm);
  // The expression lets nothing else through.
  return new Map([...rows].map(([, id = '', severity]) => [id, severity as Severity]));
}

/** Findings that are not listed, or are worse than listed. */
export function unlisted(
  findings: readonly Finding[],
  listed: ReadonlyMap<string, Severity>,
): readonly Finding[] {
  return findings.filter(({ id, severity }) => {
    const known = listed.get(id);
    return known === undefined || severities.indexOf(severity) > severities.indexOf(known);
  });
}
