import { describe, expect, it } from 'vitest';
import { createLogger } from '../../shared/create-logger.js';
import { redactPrivateKeys } from '../../shared/redact.js';

function record() {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    role: 'test',
    to: { write: (line) => void lines.push(line) },
  });
  return { log, lines };
}

const pem = '-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----';

describe('createLogger', () => {
  it('changes the level of children that exist already', () => {
    const { log, lines } = record();
    const child = log.child({ part: 'x' });
    child.debug({}, 'unheard');
    log.level = 'debug';
    child.debug({}, 'heard');
    log.level = 'silent';
    child.error({}, 'unheard');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['heard']);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'debug', role: 'test', part: 'x' });
  });

  it('tells of changes of its level, and only of changes', () => {
    const { log } = record();
    const levels: string[] = [];
    log.onLevelChange((level) => levels.push(level));
    log.level = 'debug';
    log.level = 'debug';
    log.level = 'warn';
    expect(levels).toEqual(['debug', 'warn']);
  });

  it.each([
    { key: 'c2VjcmV0' },
    { certificate: { keyPem: 'c2VjcmV0' } },
    { headers: { authorization: 'c2VjcmV0' } },
    { config: { key: 'c2VjcmV0' } },
    { body: { 'config.key': 'c2VjcmV0' } },
    { headers: { 'set-cookie': 'c2VjcmV0' } },
    { err: new Error(`can't read ${pem}`) },
    { note: pem.slice(0, 45) },
  ])('blanks secrets in %j', (fields) => {
    const { log, lines } = record();
    log.error(fields, 'failed');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('c2VjcmV0');
    expect(lines[0]).toContain('[redacted]');
    expect(() => JSON.parse(lines[0] ?? '')).not.toThrow();
  });
});

describe('redactPrivateKeys', () => {
  const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----';

  it.each([
    ['whole', `it was ${key}, sadly`],
    ['cut off', `it was ${key.slice(0, 40)}`],
    ['quoted', `it was "${key.slice(0, 40)}", sadly`],
    ['twice', `${key} and ${key}`],
  ])('takes a key out of a line of JSON that stays JSON: %s', (_, text) => {
    const line = redactPrivateKeys(JSON.stringify({ text }));
    expect(line).not.toContain('MIIEvQ');
    expect(JSON.parse(line).text).toContain('[redacted]');
  });

  it('leaves the mention of a key as it is', () => {
    const text = 'expected text with "-----BEGIN PRIVATE KEY-----"';
    expect(JSON.parse(redactPrivateKeys(JSON.stringify({ text }))).text).toBe(text);
  });
});
