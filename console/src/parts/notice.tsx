import type { ComponentChildren } from 'preact';

interface NoticeProps {
  readonly title: string;
  readonly children?: ComponentChildren;
  /** A command that helps, to be copied. */
  readonly command?: string;
}

/** In place of what is not there: what that means and what to do. */
export function Notice({ title, children, command }: NoticeProps) {
  return (
    <div class="notice" role="status">
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {command !== undefined && <pre>{command}</pre>}
    </div>
  );
}
