import type { LineCounter, YAMLError } from 'yaml';

/**
 * Where a file stops being YAML, and what to do. Nothing of its text is shown, as the parser's own
 * messages do: it may hold a secret.
 */
export function yamlFault(file: string, { code, pos }: YAMLError, lines: LineCounter): string {
  const { line, col } = lines.linePos(pos[0]);
  return `${file}:${line}:${col} is not YAML: ${advice[code] ?? 'write one name: value a line, indented alike'}`;
}

const advice: { readonly [C in YAMLError['code']]?: string } = {
  BAD_COLLECTION_TYPE: 'a list and names with values are mixed here',
  BAD_INDENT: 'this is not indented as it has to be, or a bracket above it is not closed',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon: put the value into quotes',
  DUPLICATE_KEY: 'this name stands there already; remove one of the two',
  MISSING_CHAR: 'a quote, bracket, comma or colon is missing, here or above',
  MULTILINE_IMPLICIT_KEY: 'a colon is missing behind the name',
  TAB_AS_INDENT: 'a tab; indent with blanks',
  UNEXPECTED_TOKEN: 'this does not belong here; put values with odd characters into quotes',
};
