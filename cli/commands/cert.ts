import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type AdminOptions, addAdminFlags, adminConnection } from '../admin-connection.js';
import { boundCertificates } from '../bound-certificates.js';
import { checkFiles } from '../check-files.js';
import { parseDuration, remaining } from '../duration.js';
import { exitCode, type Io, standardIo } from '../io.js';
import { table } from '../table.js';

interface SelfSignedOptions {
  readonly days: number;
  readonly out: string;
  readonly json?: boolean;
}

interface ListOptions extends AdminOptions {
  readonly expiring?: number;
}

/** `signet cert self-signed|check|list`. */
export function certCommand(io: Io = standardIo): Command {
  const command = new Command('cert').description('make, check and list certificates');

  command
    .command('self-signed <host>')
    .description('make a P-256 key and a self-signed certificate: HOST.pem and HOST.key')
    .option('--days <n>', 'how long it is valid', parseDays, 90)
    .option('--out <directory>', 'where to put them', '.')
    .option('--json', 'print JSON')
    .action(async (host: string, { days, out, json }: SelfSignedOptions) => {
      const path = join(out, host.replaceAll('*', '_'));
      const { selfSigned } = await import('../self-signed.js'); // slow to load
      const { cert, key } = await selfSigned(host, days);
      // Never over a key that is there: it may be the only copy.
      await writeFile(`${path}.key`, key, { mode: 0o600, flag: 'wx' });
      await writeFile(`${path}.pem`, cert, { flag: 'wx' });
      const files = { cert: `${path}.pem`, key: `${path}.key`, days };
      io.out(
        json === true
          ? `${JSON.stringify(files)}\n`
          : `${files.cert} and ${files.key}, valid for ${days} days\n`,
      );
    });

  command
    .command('check <cert-file> [key-file]')
    .description('check a chain and its key as an upload would, without uploading')
    .option('--host <host>', 'also check that the leaf covers this host')
    .option('--json', 'print JSON')
    .action(
      async (
        certFile: string,
        keyFile: string | undefined,
        { host, json }: { host?: string; json?: boolean },
      ) => {
        const report = await checkFiles(certFile, keyFile ?? certFile, host);
        if (json === true) io.out(`${JSON.stringify(report, null, 2)}\n`);
        else {
          for (const fault of report.faults) io.out(`refused: ${fault}\n`);
          for (const warning of report.warnings) io.out(`warning: ${warning}\n`);
          for (const advice of report.advice) io.out(`advice: ${advice}\n`);
          if (report.faults.length === 0) {
            io.out(
              `good: ${report.names.join(', ')}, ${report.keyAlgorithm}, until ${report.notAfter}\n`,
            );
          }
        }
        if (report.faults.length > 0) process.exitCode = exitCode.failed;
      },
    );

  addAdminFlags(command.command('list'))
    .description('list the certificates of all hosts, soonest expiry first')
    .option('--expiring <duration>', 'only those that end within, e.g. 30d', parseDuration)
    .action(async (options: ListOptions) => {
      const now = Date.now();
      const within = options.expiring ?? Number.POSITIVE_INFINITY;
      const listed = (await boundCertificates(adminConnection(options))).filter(
        ({ notAfter }) => Date.parse(notAfter) - now < within,
      );
      if (options.json === true) {
        io.out(`${JSON.stringify(listed, null, 2)}\n`);
        return;
      }
      io.out(
        table(
          ['HOST', 'API', 'LEFT', 'NOT AFTER', 'FINGERPRINT'],
          listed.map(({ host, api, notAfter, fingerprint256 }) => [
            ...[host, api, remaining(Date.parse(notAfter), now), notAfter],
            fingerprint256.slice(0, 16),
          ]),
        ),
      );
    });

  return command;
}

function parseDays(value: string): number {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 1 || days > 3650) {
    throw new InvalidArgumentError('write a number of days, 1 to 3650');
  }
  return days;
}
