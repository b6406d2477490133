import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

/**
 * A WebSocket server that echoes, and obeys: `!fragments` sends a message in pieces, `!ping TEXT` pings
 * and tells of the pong, `!close CODE REASON`, `!break` ends the connection without a word, and `!ended`
 * tells how the one before it ended. Speaks the subprotocol `chat.v2`.
 */
export async function startEcho(): Promise<{ readonly port: number; close(): void }> {
  let ended = '';
  const server = createServer();
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (offered) => offered.has('chat.v2') && 'chat.v2',
  });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      const text = isBinary ? '' : String(data);
      if (text === '!ended') socket.send(ended);
      else if (text.startsWith('!')) obey(socket, text);
      else socket.send(data, { binary: isBinary });
    });
    socket.on('error', () => socket.terminate());
    socket.on('close', (code, reason) => {
      ended = `${code} ${reason}`;
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close: () => {
      server.closeAllConnections();
      for (const socket of sockets.clients) socket.terminate();
      server.close();
    },
  };
}

function obey(socket: WebSocket, text: string): void {
  const [command, first = '', ...rest] = text.split(' ');
  switch (command) {
    case '!fragments':
      socket.send('frag', { fin: false });
      socket.send('men', { fin: false });
      socket.send('ted', { fin: true });
      break;
    case '!ping':
      socket.once('pong', () => socket.send('ponged'));
      socket.ping(first);
      break;
    case '!close':
      socket.close(Number(first), rest.join(' '));
      break;
    case '!break':
      socket.terminate();
      break;
  }
}
