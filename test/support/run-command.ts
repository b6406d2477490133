import { spawn } from 'node:child_process';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** Runs one program to its end, without a shell. */
export function runCommand(
  program: string,
  args: readonly string[],
  { input = '', cwd, env, timeoutMs = 20_000 }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: env ?? process.env, timeout: timeoutMs });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.once('error', ignoreEarlyClose);
    child.stdin.end(input);
  });
}

/** As `runCommand`, and what it printed on standard output. @throws Error unless it exits with 0. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await runCommand(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}: ${stderr}`);
  return stdout;
}

/** A program may end without reading its input; how it ended is in its exit code. */
function ignoreEarlyClose(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
