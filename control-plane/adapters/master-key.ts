import { exec } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { readPrivateFile } from '../../shared/private-file.js';
import { createFileAtomically, syncDirectory } from '../../shared/write-file.js';
import type { MasterKey, MasterKeyring } from '../ports/key-vault.js';
import { MasterKeyError } from '../ports/key-vault-errors.js';
import { masterKey } from './key-sealer.js';

/**
 * Where the master key comes from. `value` and the command's output hold one key or more, each 32
 * bytes as base64 or hex, separated by white space or commas: the first wraps, the others still open.
 */
export type MasterKeySource =
  /** Must be readable by its owner alone. Made at first start, unless it must be there. */
  | { readonly kind: 'file'; readonly path: string; readonly mustExist?: boolean }
  /** The value of an environment variable. */
  | { readonly kind: 'value'; readonly value: string; readonly variable: string }
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
      return loadFromFile(source.path, source.mustExist);
    case 'value':
      return parseKeyring(source.value, `the environment variable ${source.variable}`);
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
    await syncDirectory(dirname(path));
    // The file has no name any more; its bytes would otherwise stay on the disk.
    await old.write(Buffer.alloc(size), 0, size, 0);
    await old.sync();
  } finally {
    await old.close();
  }
  return loadFromFile(path);
}

async function loadFromFile(path: string, mustExist = false): Promise<MasterKeyring> {
  let current = await readKeyFile(path);
  if (current === undefined) {
    if (mustExist) {
      throw new MasterKeyError(
        `there is no master key at ${path}. All control planes of a key vault need the same one: copy ` +
          `it from another, or make the first with (umask 077; openssl rand -base64 32 > ${path})`,
      );
    }
    await createKeyFile(path);
    current = await readKeyFile(path);
    if (current === undefined) throw new MasterKeyError(`${path} vanished while it was read`);
  }
  const next = await readKeyFile(nextPath(path));
  return next === undefined ? { current, previous: [] } : { current: next, previous: [current] };
}

async function readKeyFile(path: string): Promise<MasterKey | undefined> {
  const file = await readPrivateFile(path);
  switch (file.status) {
    case 'missing':
      return undefined;
    case 'exposed':
      throw new MasterKeyError(
        `others may read the master key file ${path}: run "chmod 600 ${path}", and rotate the ` +
          'master key if anyone could have read it',
      );
    case 'read':
      return parseKey(file.content.trim(), path);
  }
}

/** Leaves a key file that exists. */
async function createKeyFile(path: string): Promise<void> {
  await createFileAtomically(path, `${randomBytes(32).toString('base64')}\n`, 0o600);
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

const commandTimeoutMs = 10_000;
const nextPath = (path: string) => `${path}.next`;
