/** Where a command writes; tests give their own. Standard output is for results, the other for people. */
export interface Io {
  out(text: string): void;
  error(text: string): void;
}

export const standardIo: Io = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
};

/** What a shell or an init system learns from our exit. 128 + n after signal n is added by it. */
export const exitCode = {
  ok: 0,
  failed: 1,
  /** The command line or the configuration is wrong: nothing was started, retrying is of no use. */
  usage: 2,
} as const;
