/** Columns padded to their widest cell, for a terminal. Numbers are set flush right. */
export function table(header: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(printable));
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[], isHeader: boolean) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumber(cell) && !isHeader ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(header, true), ...rows.map((row) => line(row, false)), ''].join('\n');
}

/** A node's name or a host may have been chosen by others, and terminals obey what they print. */
function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Bidi_Control}/gu, '\ufffd');
}

function isNumber(cell: string): boolean {
  return /^-?[0-9.]+$/.test(cell);
}
