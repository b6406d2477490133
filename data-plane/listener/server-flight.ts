import { hash, randomFillSync, verify } from 'node:crypto';
import { connect } from 'node:net';

/**
 * The first half of a TLS 1.2 handshake (RFC 5246 §7.3), in which a server shows its leaf and signs its key
 * exchange with the leaf's key, all in the clear. Each worker of each node proves each change: with nothing in
 * its caches, as then, that takes 0.85 ms of CPU on both sides together, and a whole handshake 1.4 ms, as
 * OpenSSL's client goes a long way to decode the leaf's key.
 *
 * Only what most certificates are is asked for, ECDSA with P-256 and SHA-256. A server that has something
 * else to show refuses, and it takes a whole handshake to learn what.
 */

const handshakeRecord = 22;
const message = { serverHello: 2, certificate: 11, serverKeyExchange: 12, serverHelloDone: 14 };
const recordHeadBytes = 5;
const messageHeadBytes = 4;
const randomBytes = 32;

const extensions = Buffer.from(
  [
    '000a 0006 0004 001d 0017', // supported_groups: x25519 and secp256r1
    '000b 0002 01 00', // ec_point_formats: uncompressed
    '000d 0004 0002 0403', // signature_algorithms: ecdsa_secp256r1_sha256
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);
/** TLS 1.2 with the AEAD suites for ECDSA, and no compression. */
const version = Buffer.from('0303', 'hex');
const suitesAndCompression = Buffer.from('0006c02bc02ccca90100', 'hex');
/** Client random's place in the record. */
const clientRandomAt = recordHeadBytes + messageHeadBytes + version.length;

/** What a P-256 key looks like in a certificate (RFC 5480), up to the two numbers of its point. */
const p256Key = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const numberBytes = 32;

interface ServerFlight {
  readonly random: Buffer;
  readonly leaf: Buffer;
  readonly keyExchange: Buffer;
}

/**
 * Asks the server behind a socket for the leaf of a name, and hangs up once it has proved to hold its key.
 *
 * @returns SHA-256 of the leaf's DER, 64 lower-case hex digits; `undefined` if it takes a whole handshake
 *   to learn what is shown.
 */
export function shownFingerprint(
  socketPath: string,
  serverName: string,
  timeoutMs: number,
): Promise<string | undefined> {
  const hello = clientHello(serverName);
  return new Promise((resolve) => {
    let held = Buffer.alloc(0);
    const socket = connect(socketPath);
    const finish = (fingerprint?: string) => {
      socket.destroy();
      resolve(fingerprint);
    };
    socket.setTimeout(timeoutMs, finish);
    socket.once('error', () => finish());
    socket.once('close', () => finish());
    socket.on('data', (bytes) => {
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      const flight = readFlight(held);
      if (flight === 'incomplete') return;
      const isProof = flight !== 'refused' && isSigned(flight, hello);
      finish(isProof ? hash('sha256', flight.leaf) : undefined);
    });
    socket.write(hello);
  });
}

function clientHello(serverName: string): Buffer {
  const name = Buffer.from(serverName, 'latin1');
  const list = withLength(2, Buffer.concat([Buffer.of(0), withLength(2, name)]));
  const sni = Buffer.concat([Buffer.of(0, 0), withLength(2, list)]);
  const body = Buffer.concat([
    version,
    randomFillSync(Buffer.alloc(randomBytes)),
    Buffer.of(0), // no session
    suitesAndCompression,
    withLength(2, Buffer.concat([sni, extensions])),
  ]);
  const hello = Buffer.concat([Buffer.of(1), withLength(3, body)]);
  return Buffer.concat([Buffer.of(handshakeRecord, 3, 1), withLength(2, hello)]);
}

function withLength(lengthBytes: number, bytes: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(bytes.length, 0, lengthBytes);
  return Buffer.concat([length, bytes]);
}

/** Anything but the expected messages is a refusal, most often an alert. */
function readFlight(bytes: Buffer): ServerFlight | 'incomplete' | 'refused' {
  const messages = joinRecords(bytes);
  if (messages === 'refused') return 'refused';
  const found = new Map<number, Buffer>();
  for (let at = 0; at + messageHeadBytes <= messages.length; ) {
    const type = messages.readUInt8(at);
    const end = at + messageHeadBytes + messages.readUIntBE(at + 1, 3);
    if (end > messages.length) return 'incomplete';
    found.set(type, messages.subarray(at + messageHeadBytes, end));
    if (type === message.serverHelloDone) return flightOf(found);
    at = end;
  }
  return 'incomplete';
}

function joinRecords(bytes: Buffer): Buffer | 'refused' {
  const parts: Buffer[] = [];
  for (let at = 0; at + recordHeadBytes <= bytes.length; ) {
    if (bytes.readUInt8(at) !== handshakeRecord) return 'refused';
    const end = at + recordHeadBytes + bytes.readUInt16BE(at + 3);
    if (end > bytes.length) break;
    parts.push(bytes.subarray(at + recordHeadBytes, end));
    at = end;
  }
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}

function flightOf(found: ReadonlyMap<number, Buffer>): ServerFlight | 'refused' {
  const hello = found.get(message.serverHello);
  const chain = found.get(message.certificate);
  const keyExchange = found.get(message.serverKeyExchange);
  if (hello === undefined || chain === undefined || keyExchange === undefined) return 'refused';
  const random = hello.subarray(version.length, version.length + randomBytes);
  // Behind the length of the whole chain, each certificate with its own.
  const leaf = afterLength(3, chain.subarray(3));
  return { random, leaf, keyExchange };
}

/** RFC 8422 §5.4: both randoms and the server's parameters, signed with the key of the leaf. */
function isSigned({ random, leaf, keyExchange }: ServerFlight, hello: Buffer): boolean {
  const keyAt = leaf.indexOf(p256Key);
  if (keyAt < 0) return false;
  const xAt = keyAt + p256Key.length;
  const number = (at: number) => leaf.toString('base64url', at, at + numberBytes);
  const key = { kty: 'EC', crv: 'P-256', x: number(xAt), y: number(xAt + numberBytes) };
  // Type and name of the curve, and a point with its length; then the algorithm, and the signature with its.
  const parameters = keyExchange.subarray(0, 4 + (keyExchange[3] ?? 0));
  const signature = afterLength(2, keyExchange.subarray(parameters.length + 2));
  const clientRandom = hello.subarray(clientRandomAt, clientRandomAt + randomBytes);
  const signed = Buffer.concat([clientRandom, random, parameters]);
  try {
    return verify('sha256', signed, { key, format: 'jwk' }, signature);
  } catch {
    return false; // no point of the curve
  }
}

/** What follows its own length; as much of it as there is. */
function afterLength(lengthBytes: number, bytes: Buffer): Buffer {
  if (bytes.length < lengthBytes) return bytes.subarray(bytes.length);
  return bytes.subarray(lengthBytes, lengthBytes + bytes.readUIntBE(0, lengthBytes));
}
