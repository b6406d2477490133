import { once } from 'node:events';
import { WebSocket } from 'ws';

/** What every client must see of every server of `web-socket-echo.ts`' kind, whatever is in between. */
export const expectedResults = {
  subprotocol: 'chat.v2',
  text: [true, true],
  sizes: Array(8).fill(true),
  'fragments sent': 'abc',
  'fragments received': 'fragmented',
  pinged: 'ponged',
  unread: Array(8).fill(1_000_000),
  'closed by the server': ['1000', '1001', '1011', '3000', '4000', '4999'].map((c) => `${c} why`),
  'closed by the client': ['1000', '1001', '4000', '4999'].map((code) => `${code} why`),
  'broken off': 1006,
};

/** Runs the cases with ws as the client. @param port where the gateway listens. */
export async function runCases(url: string, port: number): Promise<object> {
  const { host, hostname } = new URL(url);
  const open = async (protocols: string[] = []) => {
    const options = { headers: { host }, servername: hostname, rejectUnauthorized: false };
    const at = url.replace(host, `127.0.0.1:${port}`);
    const socket = new WebSocket(at, protocols, options);
    await once(socket, 'open');
    return socket;
  };
  const received = async (socket: WebSocket) => {
    const [data, isBinary] = await once(socket, 'message');
    return isBinary ? Buffer.from(data) : String(data);
  };
  const ended = async (socket: WebSocket) => {
    const [code, reason] = await once(socket, 'close');
    return { code: Number(code), text: `${code} ${reason}` };
  };

  const socket = await open(['chat.v1', 'chat.v2']);
  const echoed = async (message: string | Buffer) => {
    socket.send(message);
    const echo = await received(socket);
    return typeof message === 'string' ? echo === message : message.equals(Buffer.from(echo));
  };
  const text = [await echoed(''), await echoed('grüße ☃ 😀')];
  const sizes: boolean[] = [];
  for (const size of [1, 125, 126, 127, 65_535, 65_536, 65_537, 1_000_000]) {
    sizes.push((await echoed('x'.repeat(size))) && (await echoed(Buffer.alloc(size, 0xff))));
  }
  socket.send('a', { fin: false });
  socket.send('b', { fin: false });
  socket.send('c', { fin: true });
  const sent = await received(socket);
  socket.send('!fragments');
  const pieces = await received(socket);
  const pong = once(socket, 'pong');
  socket.ping('are you there');
  await pong;
  socket.send('!ping hello');
  const pinged = await received(socket);
  const unread: number[] = [];
  const all = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      if (unread.push(data.length) === 8) resolve();
    });
  });
  socket.pause();
  for (let i = 0; i < 8; i++) socket.send(Buffer.alloc(1_000_000, i));
  socket.resume();
  await all;
  socket.terminate();

  const byServer: string[] = [];
  for (const code of [1000, 1001, 1011, 3000, 4000, 4999]) {
    const each = await open();
    each.send(`!close ${code} why`);
    byServer.push((await ended(each)).text);
  }
  const byClient: string[] = [];
  for (const code of [1000, 1001, 4000, 4999]) {
    const each = await open();
    each.close(code, 'why');
    await ended(each);
    const witness = await open();
    let told = '';
    for (let i = 0; i < 500 && told !== `${code} why`; i++) {
      witness.send('!ended');
      told = String(await received(witness));
    }
    byClient.push(told);
    witness.terminate();
  }
  const last = await open();
  last.send('!break');
  return {
    subprotocol: socket.protocol,
    text,
    sizes,
    'fragments sent': sent,
    'fragments received': pieces,
    pinged,
    unread,
    'closed by the server': byServer,
    'closed by the client': byClient,
    'broken off': (await ended(last)).code,
  };
}
