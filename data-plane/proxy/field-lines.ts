/**
 * Field lines in one piece of text, the line end in front of each: `\r\nName: value`. Already checked:
 * tokens for names, and no line end in a value.
 */
export type FieldLines = string;

/** Name, value, name, value, … */
export function readFieldLines(lines: FieldLines): string[] {
  return each(lines).flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), withoutBlanks(line, colon + 1, line.length)];
  });
}

/** @param isDropped is asked with names in lower case. */
export function withoutFields(lines: FieldLines, isDropped: (name: string) => boolean): FieldLines {
  const kept = each(lines).filter((line) => {
    return !isDropped(line.slice(0, line.indexOf(':')).toLowerCase());
  });
  return kept.map((line) => `\r\n${line}`).join('');
}

function each(lines: FieldLines): string[] {
  return lines.split('\r\n').slice(1);
}

/**
 * A piece of `text` without the blanks around it. Not a regular expression: `[ \t]+$` costs the square
 * of a hostile run of blanks.
 */
export function withoutBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
