import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { succeed } from './run-command.js';

/** Types the lines given to it into a shell of its own, a tab behind each, and says what stands there then. */
const zshTyping = `
zmodload zsh/zpty
zpty shell zsh -d -i
zpty -r -m shell out '*ready*'
for line in "$@"; do
  zpty -w -n shell "$line"$'\\t\\x18'
  zpty -r -m shell out '*<*>*'
  print -r -- "\${\${out##*<}%%>*}"
done
zpty -d shell
`;

/**
 * What an interactive zsh makes of lines when tab is pressed at their ends.
 * @param directory to hold the script where zsh looks for completions, and zsh's own settings.
 */
export async function completedByZsh(
  directory: string,
  script: string,
  lines: readonly string[],
): Promise<readonly string[]> {
  await mkdir(join(directory, 'functions'), { recursive: true });
  await writeFile(join(directory, 'functions/_signet'), script);
  await writeFile(
    join(directory, '.zshrc'),
    `PS1=; fpath=(${directory}/functions $fpath); autoload -Uz compinit; compinit -u -D
    show() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N show; bindkey '^X' show
    print ready`,
  );
  const env = { ...process.env, ZDOTDIR: directory, TERM: 'dumb' };
  const printed = await succeed('zsh', ['-f', '-c', zshTyping, 'zsh', ...lines], { env });
  return printed.replace(/\n$/, '').split('\n');
}

/** What fish, having read a file with the script, offers at the end of a line; without descriptions. */
export async function offeredByFish(file: string, line: string): Promise<readonly string[]> {
  const asked = `source ${file}; complete -C ${JSON.stringify(line)}`;
  const printed = await succeed('fish', ['--no-config', '-c', asked]);
  return printed
    .split('\n')
    .filter((offer) => offer !== '')
    .map((offer) => offer.split('\t', 1)[0] ?? '');
}
