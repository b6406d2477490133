/** What the engine hands over at the most. */
const blockBytes = 512 * 1024;
/** Smaller pieces are not worth a block. */
const minBytes = 32 * 1024;
const maxFree = 8;

/**
 * Memory for copies of big pieces, used again and again: left to the garbage collector, which does not
 * see how big they are, tens of megabytes of them lie about. One set per thread.
 */
export class UploadBlocks {
  readonly #free: Buffer[] = [];

  /** A copy in a block of its own, or `undefined` if the piece is too small or too big for one. */
  copy(piece: Buffer): Buffer | undefined {
    if (piece.length < minBytes || piece.length > blockBytes) return undefined;
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    piece.copy(block);
    return block.subarray(0, piece.length);
  }

  /** @param copy that nobody reads any more. */
  release(copy: Buffer): void {
    if (this.#free.length < maxFree) this.#free.push(Buffer.from(copy.buffer, 0, blockBytes));
  }
}
