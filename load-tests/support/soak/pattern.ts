const period = 65_536;

/** Twice the period, so that any piece of up to a period is one slice of it. */
const doubled = Buffer.alloc(2 * period);
for (let i = 0; i < doubled.length; i++) doubled[i] = (i * 2_654_435_761) >>> 24;
doubled.copyWithin(period, 0, period);

/** Up to 64 KB of the endless content that bodies are made of, from `offset` on. */
export function contentAt(offset: number, length: number): Buffer {
  const from = offset % period;
  return doubled.subarray(from, from + Math.min(length, period));
}

/** Compares what arrives with the endless content. */
export class ContentCheck {
  length = 0;
  isRight = true;

  add(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      const expected = contentAt(this.length, piece.length - at);
      if (!piece.subarray(at, at + expected.length).equals(expected)) this.isRight = false;
      at += expected.length;
      this.length += expected.length;
    }
  }
}
