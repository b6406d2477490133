import { useState } from 'preact/hooks';
import { CheckIcon, CopyIcon } from './icons.js';

interface CopyTextProps {
  readonly text: string;
  readonly shown?: string;
  readonly what: string;
}

/** A value to be copied with one press. */
export function CopyText({ text, shown = text, what }: CopyTextProps) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    } catch {
      // Without permission the text is still there to be selected.
      setCopied(false);
    }
  };
  return (
    <button type="button" class="copy" title={`Copy ${what}`} onClick={() => void copy()}>
      <code>{shown}</code>
      {isCopied ? <CheckIcon /> : <CopyIcon />}
    </button>
  );
}
