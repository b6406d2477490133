import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startAdmin } from '../support/admin-server.js';

describe('closing the admin server', () => {
  it('does not wait for a connection that never carried a request', async () => {
    const { url, close } = await startAdmin();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    // The server has taken the connection, too, once it has answered a later one.
    await (await fetch(`${url}/status`)).text();
    const ended = once(socket, 'close');
    await close();
    await ended;
    expect(socket.destroyed).toBe(true);
  }, 5_000);
});
