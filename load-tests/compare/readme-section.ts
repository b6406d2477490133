const section = /(<!-- comparison: [^>]+ -->\n)[\s\S]*?(<!-- \/comparison -->)/;

/** `readme` with `content` between the marks of the comparison. */
export function withComparison(readme: string, content: string): string {
  if (!section.test(readme)) throw new Error('the README has no marks for the comparison');
  return readme.replace(
    section,
    (_, start: string, end: string) => `${start}\n${content}\n\n${end}`,
  );
}
