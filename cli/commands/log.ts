import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { FileCheckpointStore } from '../../control-plane/adapters/file-checkpoint-store.js';
import { dataFiles } from '../../control-plane/data-files.js';
import { parsePublicKey } from '../../control-plane/events/checkpoint.js';
import { exportLog, importLog, readExport } from '../../control-plane/events/log-transfer.js';
import { type Verification, verifyLog } from '../../control-plane/events/verify.js';
import { type OpenedEventLog, openEventLog } from '../../control-plane/open-event-log.js';
import type { EventLog } from '../../control-plane/ports/event-log.js';
import { LogTrimmedError } from '../../control-plane/ports/event-log-errors.js';
import { type Revision, revision } from '../../shared/revision.js';
import { addConfigFlags, flagsBySetting } from '../config-flags.js';
import { exitCode, type Io, standardIo } from '../io.js';
import { loadConfig } from '../load-config.js';
import { ProgressBar } from '../progress-bar.js';

interface VerifyFlags extends Readonly<Record<string, unknown>> {
  readonly checkpoints?: string;
  readonly publicKey?: readonly string[];
  readonly json?: true;
}

/** `signet log verify|export|import`. All but `import` may run beside a running control plane. */
export function logCommand(io: Io = standardIo): Command {
  const command = new Command('log').description('verify, export and import the event log');

  addConfigFlags(command.command('verify [export-file]'))
    .description('check that no event was changed, removed, inserted or reordered')
    .option(
      '--checkpoints <file>',
      'signed checkpoints, JSON lines (default: of the data directory)',
    )
    .option('--public-key <file...>', 'keys that sign them (default: of the data directory)')
    .option('--json', 'print JSON')
    .action(async (file: string | undefined, flags: VerifyFlags) => {
      const verification =
        file === undefined
          ? await verifyConfigured(io, flags)
          : await verifyExport(io, file, await checkpointsOf(flags));
      io.out(flags.json === true ? `${JSON.stringify(verification)}\n` : describe(verification));
      if (verification.status === 'altered') process.exitCode = exitCode.failed;
    });

  addConfigFlags(command.command('export [file]'))
    .description('write all events as JSON lines, to standard output if no file is named')
    .option('--json', 'say in JSON what was written to the file')
    .action(async (file: string | undefined, flags: Readonly<Record<string, unknown>>) => {
      await withLog(flags, { mustExist: true }, async ({ log }) => {
        const events = await countEvents(log);
        const bar = new ProgressBar(io, 'events', events);
        const lines = exportLog(log, (at) => bar.update(at + 1));
        if (file === undefined) for await (const line of lines) io.out(`${line}\n`);
        else await writeLines(file, lines);
        bar.clear();
        if (file !== undefined && flags['json'] === true) {
          io.out(`${JSON.stringify({ file, events })}\n`);
        }
      });
    });

  addConfigFlags(command.command('import <file>'))
    .description('bring an export into an empty log; revisions, ids and hashes stay as they are')
    .option('--json', 'print JSON')
    .action(async (file: string, flags: Readonly<Record<string, unknown>>) => {
      await withLog(flags, { mustExist: false }, async ({ log, name }) => {
        const { lines, progress, done } = await readingLines(io, file);
        const { head } = await importLog(log, lines, progress);
        done();
        io.out(
          flags['json'] === true
            ? `${JSON.stringify({ log: name, ...head })}\n`
            : `${name} now ends at revision ${head.revision}, hash ${head.hash}\n`,
        );
      });
    });

  return command;
}

async function verifyConfigured(io: Io, flags: VerifyFlags): Promise<Verification> {
  const checkpoints = await checkpointsOf(flags);
  return withLog(flags, { mustExist: true }, async ({ log }) => {
    const bar = new ProgressBar(io, 'events', await countEvents(log));
    const first = await firstRevision(log);
    const verification = await verifyLog({
      events: log.read(first),
      first,
      onProgress: (checked) => bar.update(checked + 1),
      ...(checkpoints && { checkpoints }),
    });
    bar.clear();
    return verification;
  });
}

async function verifyExport(
  io: Io,
  file: string,
  checkpoints: Awaited<ReturnType<typeof checkpointsOf>>,
): Promise<Verification> {
  const { lines, progress, done } = await readingLines(io, file);
  const verification = await verifyLog({
    events: readExport(lines),
    onProgress: progress,
    ...(checkpoints && { checkpoints }),
  });
  done();
  return verification;
}

/** Named by flags, or those of the data directory where it has any. */
async function checkpointsOf(flags: VerifyFlags) {
  const files = dataFiles(loadSettings(flags).dataDir);
  const statements = await new FileCheckpointStore(flags.checkpoints ?? files.checkpoints).read();
  if (statements.length === 0) return undefined;
  const keyFiles = flags.publicKey ?? [files.checkpointPublicKey];
  const publicKeys = await Promise.all(
    keyFiles.map(async (path) => parsePublicKey(await readFile(path, 'utf8'))),
  );
  return { statements, publicKeys };
}

function describe(verification: Verification): string {
  if (verification.status === 'altered') {
    return `ALTERED at revision ${verification.revision}: ${verification.reason}\n`;
  }
  const { head, logId, checkpoints } = verification;
  const proof =
    checkpoints === 0
      ? 'No checkpoint was at hand: a log cut short at its end would look the same.'
      : `${checkpoints} signed checkpoints agree.`;
  return `intact up to revision ${head.revision}\nlog  ${logId ?? 'unknown'}\nhash ${head.hash}\n${proof}\n`;
}

async function countEvents(log: EventLog): Promise<number> {
  const head = await log.head();
  return head === 'empty' ? 0 : head + 1;
}

/** 0, or where a trim has left the beginning. */
async function firstRevision(log: EventLog): Promise<Revision> {
  try {
    for await (const _ of log.read(revision(0))) break;
    return revision(0);
  } catch (error) {
    if (error instanceof LogTrimmedError) return error.first;
    throw error;
  }
}

async function withLog<Result>(
  flags: Readonly<Record<string, unknown>>,
  options: { readonly mustExist: boolean },
  work: (opened: OpenedEventLog) => Promise<Result>,
): Promise<Result> {
  const opened = openEventLog(loadSettings(flags), options);
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

function loadSettings(flags: Readonly<Record<string, unknown>>) {
  return loadConfig(flagsBySetting(flags)).config;
}

/** The lines of a file, with a bar that follows the bytes read. */
async function readingLines(io: Io, file: string) {
  const bar = new ProgressBar(io, 'bytes', (await stat(file)).size);
  const input = createReadStream(file);
  return {
    lines: createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }),
    progress: () => bar.update(input.bytesRead),
    done: () => bar.clear(),
  };
}

/** Never over a file that is there: it may be the only copy. */
async function writeLines(path: string, lines: AsyncIterable<string>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const line of lines) await file.appendFile(`${line}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
