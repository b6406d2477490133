import { SourceError } from './source.js';

/** `name args… ;` or `name args… { block }` */
export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  readonly line: number;
  readonly block: readonly Directive[] | undefined;
}

const maxDepth = 32;
/** A comment, a quoted word, a sign, or a bare word, in which `${…}` may hold a brace. */
const token =
  /#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[;{}]|(?:\$\{[^}]*\}|\\.|[^\s;{}])+|\n/gs;

/**
 * Reads nginx's configuration language.
 * @throws SourceError with the place, where a block is not closed or closed twice.
 */
export function parseNginx(file: string, text: string): readonly Directive[] {
  const stack: Directive[][] = [[]];
  let words: string[] = [];
  let line = 1;
  let startedAt = 1;
  const fail = (what: string): never => {
    throw new SourceError(`${file}:${line}: ${what}`);
  };
  const add = (block: Directive[] | undefined) => {
    const [name, ...args] = words;
    if (name === undefined) return fail('a directive has no name');
    stack.at(-1)?.push({ name, args, line: startedAt, block });
    words = [];
  };
  for (const [word] of text.matchAll(token)) {
    if (word === '\n') {
      line++;
    } else if (word === ';') {
      add(undefined);
    } else if (word === '{') {
      const block: Directive[] = [];
      add(block);
      stack.push(block);
      if (stack.length > maxDepth) fail('blocks are nested too deeply');
    } else if (word === '}') {
      if (words.length > 0) fail('a directive does not end with ;');
      stack.pop();
      if (stack.length === 0) fail('a } too many');
    } else if (!word.startsWith('#')) {
      if (words.length === 0) startedAt = line;
      words.push(unquoted(word));
      line += word.split('\n').length - 1;
    }
  }
  if (stack.length > 1) fail('a block is not closed');
  if (words.length > 0) fail('the last directive does not end with ;');
  return stack[0] ?? [];
}

function unquoted(word: string): string {
  const isQuoted = word.startsWith('"') || word.startsWith("'");
  return (isQuoted ? word.slice(1, -1) : word).replaceAll(/\\(.)/gs, (whole, character: string) =>
    // The others stay as they are: a regular expression has its own use for them.
    /["'\\ ;{}#]/.test(character) ? character : whole,
  );
}
