import { exec } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { MasterKey, MasterKeyring } from '../ports/key-vault.js';
import { MasterKeyError } from '../ports/key-vault-errors.js';
import { masterKey } from './key-sealer.js';

/**
 * Where the master key comes from. `value` and the command's output hold one key or more, each 32
 * bytes as base64 or hex, separated by white space or commas: the first wraps, the others still open.
 */
export type MasterKeySource =
  /** Made at first start. Must be readable by its owner alone. */
  | { readonly kind: 'file'; readonly path: string }
  /** Given by the environment. */
  | { readonly kind: 'value'; readonly value: string }
  /** Printed by a command line, say of a KMS client, that the shell runs. */
  | { readonly kind: 'command'; readonly command: string };

/**
 * For a file with a rotation under way both keys are answered, the new one first: rewrap the vault
 * and call `finishMasterKeyRotation`.
 * @throws MasterKeyError with what to do
 */
export async function loadMasterKeys(source: MasterKeySource): Promise<MasterKeyring> {
  switch (source.kind) {
    case 'file':
      return loadFromFile(source.path);
    case 'value':
      return parseKeyring(source.value, 'the master key given by the environment');
    case 'command':
      return parseKeyring(await runCommand(source.command), 'the output of the master key command');
  }
}

export async function isMasterKeyRotationPending(path: string): Promise<boolean> {
  return (await readKeyFile(nextPath(path))) !== undefined;
}

/**
 * Makes the next master key and stores it beside the current one, durably, before anything is wrapped
 * by it. Continues a rotation that was begun and not finished.
 */
export async function beginMasterKeyRotation(path: string): Promise<MasterKeyring> {
  if ((await readKeyFile(path)) === undefined) {
    throw new MasterKeyError(`there is no master key at ${path} to rotate`);
  }
  await createKeyFile(nextPath(path));
  return loadFromFile(path);
}

/** Puts the next master key in the place of the current one. Only after every data key is rewrapped. */
export async function finishMasterKeyRotation(path: string): Promise<MasterKeyring> {
  const old = await open(path, 'r+');
  try {
    const { size } = await old.stat();
    await rename(nextPath(path), path);
    await syncDirectory(path);
    // The file has no name any more; its bytes would otherwise stay on the disk.
    await old.write(Buffer.alloc(size), 0, size, 0);
    await old.sync();
  } finally {
    await old.close();
  }
  return loadFromFile(path);
}

async function loadFromFile(path: string): Promise<MasterKeyring> {
  let current = await readKeyFile(path);
  if (current === undefined) {
    await createKeyFile(path);
    current = await readKeyFile(path);
    if (current === undefined) throw new MasterKeyError(`${path} vanished while it was read`);
  }
  const next = await readKeyFile(nextPath(path));
  return next === undefined ? { current, previous: [] } : { current: next, previous: [current] };
}

async function readKeyFile(path: string): Promise<MasterKey | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw new MasterKeyError(`the master key file ${path} cannot be opened`, { cause: error });
  }
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      throw new MasterKeyError(
        `others may read the master key file ${path}: run "chmod 600 ${path}", and rotate the ` +
          'master key if anyone could have read it',
      );
    }
    return parseKey((await file.readFile('utf8')).trim(), path);
  } finally {
    await file.close();
  }
}

/** Makes a key file, whole or not at all; leaves one that exists. */
async function createKeyFile(path: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.draft`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString('base64')}\n`);
    await file.sync();
    await link(draft, path);
    await syncDirectory(path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  } finally {
    await file.close();
    await unlink(draft);
  }
}

async function runCommand(command: string): Promise<string> {
  try {
    const { stdout } = await promisify(exec)(command, {
      timeout: commandTimeoutMs,
      maxBuffer: 64 * 1024,
      encoding: 'utf8',
    });
    return stdout;
  } catch (error) {
    // Not as the cause: it carries the output. Not the command either: it may hold credentials.
    const how = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new MasterKeyError(`the command that prints the master key failed${how}`);
  }
}

function parseKeyring(text: string, origin: string): MasterKeyring {
  const [first, ...others] = text.split(/[\s,]+/).filter((part) => part !== '');
  if (first === undefined) throw new MasterKeyError(`${origin} is empty`);
  return {
    current: parseKey(first, origin),
    previous: others.map((other) => parseKey(other, origin)),
  };
}

function parseKey(text: string, origin: string): MasterKey {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return masterKey(Buffer.from(text, 'hex'));
  if (/^[0-9a-zA-Z+/]{43}=?$/.test(text)) return masterKey(Buffer.from(text, 'base64'));
  throw new MasterKeyError(
    `${origin} is no master key: 32 random bytes as base64 or hex, say from "openssl rand -base64 32"`,
  );
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const commandTimeoutMs = 10_000;
const nextPath = (path: string) => `${path}.next`;

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
