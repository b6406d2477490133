import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { Piscina } from 'piscina';
import {
  type AdminConnection,
  type AdminOptions,
  addAdminFlags,
  adminConnection,
  text,
} from '../admin-connection.js';
import { boundCertificates } from '../bound-certificates.js';
import { findPemFiles } from '../import/find-pem-files.js';
import { type ImportPlan, planImport, type Refused } from '../import/plan-import.js';
import type { PemFileContent } from '../import/read-pem-file.js';
import { type UploadReport, upload } from '../import/upload.js';
import { exitCode, type Io, standardIo } from '../io.js';
import { ProgressBar } from '../progress-bar.js';

interface ImportOptions extends AdminOptions {
  readonly upstream?: string;
  readonly dryRun?: boolean;
}

const filesPerTask = 64;
/** Together they fill the appends of the log; a few more than fit into one keep the next one waiting. */
const concurrency = 160;
const refusedShown = 20;

/** `signet import DIR`: whatever certificates and keys lie below a directory. */
export function importCommand(io: Io = standardIo): Command {
  return addAdminFlags(new Command('import').argument('<directory>'))
    .description(
      'upload the certificates below a directory: certbot, nginx, HAProxy, Caddy or any other layout',
    )
    .option(
      '--upstream <url>',
      'add an API that leads here for each host without one; may hold {host}',
    )
    .option('--dry-run', 'say what would be uploaded, and change nothing')
    .addHelpText('after', '\nRun again, it uploads what is missing or changed and nothing else.\n')
    .action(async (directory: string, options: ImportOptions) => {
      const plan = planImport(await readAll(io, directory), Date.now());
      const report = await carryOut(io, plan, options);
      const refused = [...plan.refused, ...report.refused];
      io.out(
        options.json === true
          ? `${JSON.stringify({ ...report, refused }, null, 2)}\n`
          : describe(report, refused, options.dryRun === true),
      );
      if (refused.length > 0 || report.left > 0) process.exitCode = exitCode.failed;
    });
}

/** Reads and checks every file, on all cores. */
async function readAll(io: Io, directory: string): Promise<PemFileContent[]> {
  const files: string[] = [];
  for await (const file of findPemFiles(directory)) files.push(file);
  const bar = new ProgressBar(io, 'files', files.length);
  const pool = new Piscina<readonly string[], PemFileContent>({
    filename: new URL('../import/read-pem-file.js', import.meta.url).href,
    maxThreads: availableParallelism(),
  });
  try {
    let done = 0;
    const tasks: Promise<PemFileContent>[] = [];
    for (let from = 0; from < files.length; from += filesPerTask) {
      const some = files.slice(from, from + filesPerTask);
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
    (await boundCertificates(admin)).map((each) => [each.host.toLowerCase(), each]),
  );
  if (options.dryRun === true) {
    const unchanged = plan.uploads.filter(
      ({ host, fingerprint256 }) => bound.get(host)?.fingerprint256 === fingerprint256,
    ).length;
    const known = plan.uploads.filter(({ host }) => bound.has(host)).length;
    return {
      ...{ added: plan.uploads.length - known, replaced: known - unchanged, unchanged },
      ...{ refused: [], left: 0 },
    };
  }
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt);
  const bar = new ProgressBar(io, 'certificates', plan.uploads.length);
  try {
    return await upload({
      ...{ admin, bound, concurrency, uploads: plan.uploads, upstream: options.upstream },
      apiByHost: await apisByHost(admin),
      signal: interrupted.signal,
      onProgress: (done) => bar.update(done),
    });
  } finally {
    bar.clear();
    process.off('SIGINT', interrupt);
  }
}

async function apisByHost(admin: AdminConnection): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for await (const api of admin.list('/apis')) {
    ids.set(text(api, 'request_host').toLowerCase(), text(api, 'id'));
  }
  return ids;
}

function describe(report: UploadReport, refused: readonly Refused[], isDryRun: boolean): string {
  const { added, replaced, unchanged, left } = report;
  const would = isDryRun ? 'would be ' : '';
  const lines = [
    `${added} ${would}added, ${replaced} ${would}replaced, ${unchanged} there already, ${refused.length} refused`,
    ...refused.slice(0, refusedShown).map(({ what, reason }) => `  ${what}: ${reason}`),
  ];
  if (refused.length > refusedShown) {
    lines.push(`  and ${refused.length - refusedShown} more: --json lists all`);
  }
  if (left > 0) lines.push(`interrupted with ${left} left: run the same command to go on`);
  return `${lines.join('\n')}\n`;
}
