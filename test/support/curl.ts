import { runCommand } from './run-command.js';

export interface CurlAnswer {
  readonly status: number;
  /** By lower-case name; the values of a repeated header joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Runs the real curl and reads the answer it printed. @throws Error if curl itself failed. */
export async function curl(...args: readonly string[]): Promise<CurlAnswer> {
  const { code, stdout, stderr } = await runCommand('curl', [
    '--silent',
    '--show-error',
    '-i',
    ...args,
  ]);
  if (code !== 0) throw new Error(`curl ${args.join(' ')} exited with ${code}: ${stderr}`);
  return parseAnswer(stdout);
}

function parseAnswer(text: string): CurlAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  // An interim answer (100 Continue) comes before the one that counts.
  if (status < 200) return parseAnswer(text.slice(end + 4));
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return { status, headers, body: text.slice(end + 4) };
}
