import type { Place } from './command-table.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The script that makes a shell complete the commands of the table; paths of files where nothing else fits. */
export function completionScript(shell: Shell, table: readonly Place[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(table);
    case 'zsh':
      return zshScript(table);
    case 'fish':
      return fishScript(table);
  }
}

/** Every command that is reached from another: `signet cert check`. */
function reached(table: readonly Place[]): string {
  const paths = table.slice(1).map(({ path }) => `"${path}"`);
  return paths.join('|');
}

function bashScript(table: readonly Place[]): string {
  const values = table.flatMap(({ path, values }) =>
    values.map(({ flag, of }) => {
      const reply =
        of === 'file'
          ? 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current")'
          : `COMPREPLY=($(compgen -W "${(of ?? []).join(' ')}" -- "$current"))`;
      return `    "${path} ${flag}") ${reply}; return ;;`;
    }),
  );
  const words = table.map(
    ({ path, words }) =>
      `    "${path}") COMPREPLY=($(compgen -W "${words.map(({ word }) => word).join(' ')}" -- "$current")) ;;`,
  );
  return `# bash completion of signet: source <(signet completion bash)
_signet() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at=signet word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
      ${reached(table)}) at="$at $word" ;;
    esac
  done
  case "$at $before" in
${values.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
}
complete -o default -F _signet signet
`;
}

function zshScript(table: readonly Place[]): string {
  const values = table.flatMap(({ path, values }) =>
    values.map(({ flag, of }) => {
      const reply = of === 'file' ? '_files' : `compadd -- ${(of ?? []).join(' ')}`;
      return `    "${path} ${flag}") ${reply}; return ;;`;
    }),
  );
  const words = table.map(({ path, words }) => {
    const described = words.map(({ word, description }) => {
      return `      ${quoted(`${word}:${oneLine(description)}`)}`;
    });
    return `    "${path}") candidates=(\n${described.join('\n')}\n    ) ;;`;
  });
  return `#compdef signet
# zsh completion of signet: source <(signet completion zsh), or put it into $fpath as _signet
_signet() {
  local at=signet word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      (${reached(table)}) at="$at $word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  _describe -t commands signet candidates || _files
}
if [ "$funcstack[1]" = _signet ]; then _signet "$@"; else compdef _signet signet; fi
`;
}

function fishScript(table: readonly Place[]): string {
  const lines = table.flatMap(({ path, words, values }) => {
    const here = `complete -c signet -n '__signet_at "${path}"'`;
    return words.map(({ word, description }) => {
      const told = `-d ${quoted(oneLine(description))}`;
      if (!word.startsWith('--')) return `${here} -f -a ${word} ${told}`;
      const value = values.find(({ flag }) => flag === word);
      const flag = `${here} -l ${word.slice(2)} ${told}`;
      if (value === undefined) return flag;
      if (value.of === 'file') return `${flag} -r -F`;
      return value.of === undefined ? `${flag} -x` : `${flag} -x -a '${value.of.join(' ')}'`;
    });
  });
  const paths = table.slice(1).map(({ path }) => `'${path}'`);
  return `# fish completion of signet: signet completion fish | source
function __signet_at
  set -l at signet
  for word in (commandline -opc)[2..-1]
    contains -- "$at $word" ${paths.join(' ')}; and set at "$at $word"
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

/** In single quotes, for each of the three. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "'\\''")}'`;
}
