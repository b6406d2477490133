import { describe, expect, it } from 'vitest';
import { Upload, type UploadLimits } from '../../data-plane/proxy/forwarding/upload.js';
import type { UpstreamConnection } from '../../data-plane/proxy/upstream/upstream-connection.js';

/** The part of a connection that an upload uses; it keeps what it is given until `take`. */
class SlowConnection {
  #held: Buffer[] = [];
  received = Buffer.alloc(0);

  get writableLength(): number {
    return this.#held.reduce((sum, piece) => sum + piece.length, 0);
  }

  write(data: Buffer | string): boolean {
    this.#held.push(typeof data === 'string' ? Buffer.from(data) : data);
    return false;
  }

  cork(): void {}

  uncork(): void {}

  take(): void {
    this.received = Buffer.concat([this.received, ...this.#held]);
    this.#held = [];
  }
}

function uploadTo(connection: SlowConnection, limits: UploadLimits, chunked = false) {
  const events = { emptied: 0, failed: 0 };
  const upload = new Upload(chunked, limits, {
    spoolEmptied: () => events.emptied++,
    uploadFailed: () => events.failed++,
  });
  // The real one has a socket; this is all that an upload asks of it.
  upload.flowTo(connection as unknown as UpstreamConnection);
  return { upload, events };
}

const megabyte = 1024 * 1024;
const piece = (n: number) => Buffer.alloc(512 * 1024, n);

describe('an upload to an upstream that takes nothing', () => {
  it('keeps what comes after the pause on disk and hands it on in order', async () => {
    const connection = new SlowConnection();
    const limits = { maxBufferedRequestBytes: megabyte, maxSpooledRequestBytes: 64 * megabyte };
    const { upload, events } = uploadTo(connection, limits);
    const sent = Array.from({ length: 12 }, (_, n) => piece(n));
    for (const [n, each] of sent.entries()) {
      expect(upload.take(each, n === sent.length - 1)).toBe(false);
      each.fill(0xff); // the engine's buffer is overwritten
    }
    expect(connection.writableLength).toBeLessThanOrEqual(megabyte);
    while (!upload.isSent) {
      connection.take();
      upload.drained();
      await new Promise(setImmediate);
    }
    connection.take();
    const whole = Buffer.concat(Array.from({ length: 12 }, (_, n) => piece(n)));
    expect(connection.received.equals(whole)).toBe(true);
    expect(events).toEqual({ emptied: 1, failed: 0 });
  });

  it('fails once more came than the disk may hold', () => {
    const limits = { maxBufferedRequestBytes: 1, maxSpooledRequestBytes: megabyte };
    const { upload, events } = uploadTo(new SlowConnection(), limits);
    for (let n = 0; n < 3; n++) upload.take(piece(n), false);
    expect(events.failed).toBe(0);
    upload.take(piece(3), false);
    expect(events.failed).toBe(1);
    upload.close();
  });

  it('frames in chunks what waited on disk', async () => {
    const connection = new SlowConnection();
    const limits = { maxBufferedRequestBytes: 1, maxSpooledRequestBytes: megabyte };
    const { upload } = uploadTo(connection, limits, true);
    upload.take(Buffer.from('first'), false);
    upload.take(Buffer.from('second'), true);
    while (!upload.isSent) {
      connection.take();
      upload.drained();
      await new Promise(setImmediate);
    }
    connection.take();
    expect(connection.received.toString()).toBe('5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n');
  });
});
