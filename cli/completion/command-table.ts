import type { Command, Option } from 'commander';

/** What may follow on the command line, as a shell needs to know it. */
export interface Place {
  /** `signet`, `signet cert`, `signet cert check`, … */
  readonly path: string;
  /** Commands, flags, and what an argument may be. */
  readonly words: readonly Word[];
  /** Flags that take a value. */
  readonly values: readonly FlagValue[];
}

export interface Word {
  readonly word: string;
  readonly description: string;
}

export interface FlagValue {
  readonly flag: string;
  /** `undefined`: anything. */
  readonly of: readonly string[] | 'file' | undefined;
}

/** The command itself and all below it. */
export function commandTable(command: Command, parent = ''): readonly Place[] {
  const path = `${parent} ${command.name()}`.trim();
  const help = command.createHelp();
  const commands = help.visibleCommands(command).filter((each) => each.name() !== 'help');
  const flags = help.visibleOptions(command).filter((each) => each.long);
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const place: Place = {
    path,
    words: [
      ...commands.map((each) => ({ word: each.name(), description: each.description() })),
      ...choices.map((word) => ({ word, description: '' })),
      ...flags.map((each) => ({ word: each.long ?? '', description: each.description })),
    ],
    values: flags
      .filter((each) => each.required)
      .map((each) => ({ flag: each.long ?? '', of: valuesOf(each) })),
  };
  return [place, ...commands.flatMap((each) => commandTable(each, path))];
}

function valuesOf(option: Option): FlagValue['of'] {
  if (option.argChoices !== undefined) return option.argChoices;
  // A setting's flag leaves the check to the configuration, and says its choices at the end.
  const choices = / \[([a-z]+(?:\|[a-z]+)+), [A-Z_]+\]$/.exec(option.description);
  if (choices?.[1] !== undefined) return choices[1].split('|');
  return /<(?:file|directory)\b/.test(option.flags) || /-(?:path|dir|file)$/.test(option.long ?? '')
    ? 'file'
    : undefined;
}
