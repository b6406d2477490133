import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { Piscina } from 'piscina';
import { type AdminOptions, addAdminFlags, adminConnection } from '../admin-connection.js';
import { boundCertificates } from '../bound-certificates.js';
import { type ImportPlan, planImport, textsOf } from '../import/plan-import.js';
import type { PemContent } from '../import/read-pem-texts.js';
import { readSource } from '../import/sources/read-source.js';
import {
  type PemText,
  type Refused,
  type SourceFormat,
  sourceFormats,
} from '../import/sources/source.js';
import { type UploadReport, upload } from '../import/upload.js';
import { exitCode, type Io, standardIo } from '../io.js';
import { ProgressBar } from '../progress-bar.js';

interface ImportOptions extends AdminOptions {
  readonly format?: SourceFormat;
  readonly upstream?: string;
  readonly dryRun?: boolean;
}

const textsPerTask = 64;
const refusedShown = 20;
const whatIsRead = `
  kong       kong.yml of decK, kongfig or Kong: certificates, SNIs, routes, and apis with the ssl plugin
  certbot    /etc/letsencrypt or its live directory
  nginx      nginx.conf, or the directory with it: server_name and ssl_certificate, includes followed
  haproxy    haproxy.cfg, a crt-list, or a directory of PEM files
  caddy      Caddy's storage directory, or its configuration as 'caddy adapt' prints it
  directory  any files below a directory; chains and keys are brought together by the key
`;

/** `signet import PATH`: the certificates that another program was configured with, or that lie around. */
export function importCommand(io: Io = standardIo): Command {
  return addAdminFlags(new Command('import').argument('<path>'))
    .description(
      "upload certificates: kong.yml, certbot's, Caddy's or any other directory, nginx's or HAProxy's configuration",
    )
    .addOption(
      new Option('--format <format>', 'what the path holds (default: what it looks like)').choices(
        sourceFormats,
      ),
    )
    .option(
      '--upstream <url>',
      'add an API that leads here for each host without one; may hold {host}',
    )
    .option('--dry-run', 'say what would be uploaded, and change nothing')
    .addHelpText(
      'after',
      `${whatIsRead}\nRun again, it uploads what is missing or changed and nothing else.\n`,
    )
    .action(async (path: string, options: ImportOptions) => {
      const source = await readSource(path, options.format);
      const plan = planImport(source, await readAll(io, textsOf(source)), Date.now());
      const report = await carryOut(io, plan, options);
      const refused = [...plan.refused, ...report.refused];
      io.out(
        options.json === true
          ? `${JSON.stringify({ format: source.format, ...report, refused, advice: plan.advice }, null, 2)}\n`
          : `${source.format}: ${describe(report, refused, plan.advice, options.dryRun === true)}`,
      );
      if (refused.length > 0 || report.left > 0) process.exitCode = exitCode.failed;
    });
}

/** Reads and checks every text, on all cores. */
async function readAll(io: Io, texts: readonly PemText[]): Promise<PemContent[]> {
  const bar = new ProgressBar(io, 'files', texts.length);
  const pool = new Piscina<readonly PemText[], PemContent>({
    filename: new URL('../import/read-pem-texts.js', import.meta.url).href,
    maxThreads: availableParallelism(),
  });
  try {
    let done = 0;
    const tasks: Promise<PemContent>[] = [];
    for (let from = 0; from < texts.length; from += textsPerTask) {
      const some = texts.slice(from, from + textsPerTask);
      tasks.push(
        pool.run(some).then((content) => {
          done += some.length;
          bar.update(done);
          return content;
        }),
      );
    }
    return await Promise.all(tasks);
  } finally {
    bar.clear();
    await pool.destroy();
  }
}

async function carryOut(io: Io, plan: ImportPlan, options: ImportOptions): Promise<UploadReport> {
  const admin = adminConnection(options);
  const bound = new Map(
    (await boundCertificates(admin)).map((each) => [each.host.toLowerCase(), each.fingerprint256]),
  );
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt);
  const bar = new ProgressBar(io, 'certificates', plan.uploads.length);
  try {
    return await upload({
      ...{ admin, bound, uploads: plan.uploads, upstream: options.upstream },
      isDryRun: options.dryRun === true,
      signal: interrupted.signal,
      onProgress: (done) => bar.update(done),
    });
  } finally {
    bar.clear();
    process.off('SIGINT', interrupt);
  }
}

function describe(
  report: UploadReport,
  refused: readonly Refused[],
  advice: readonly string[],
  isDryRun: boolean,
): string {
  const { added, replaced, unchanged, left } = report;
  const would = isDryRun ? 'would be ' : '';
  const lines = [
    `${added} ${would}added, ${replaced} ${would}replaced, ${unchanged} there already, ${refused.length} refused`,
    ...refused.slice(0, refusedShown).map(({ what, reason }) => `  ${what}: ${reason}`),
  ];
  if (refused.length > refusedShown) {
    lines.push(`  and ${refused.length - refusedShown} more: --json lists all`);
  }
  lines.push(...advice.map((each) => `advice: ${each}`));
  if (left > 0) lines.push(`interrupted with ${left} left: run the same command to go on`);
  return `${lines.join('\n')}\n`;
}
