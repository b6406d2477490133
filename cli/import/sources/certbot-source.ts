import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { faultWithin, statIfThere, subdirectoriesOf } from './file-tree.js';
import {
  type Refused,
  readingOf,
  type SourceBinding,
  SourceError,
  type SourceReading,
} from './source.js';

/** certbot's directory of names below `path`, which may be its configuration directory or `live` itself. */
export async function certbotLive(path: string): Promise<string | undefined> {
  const live = basename(resolve(path)) === 'live' ? path : join(path, 'live');
  const archive = join(dirname(resolve(live)), 'archive');
  const [hasLive, hasArchive] = await Promise.all([live, archive].map(statIfThere));
  return hasLive?.isDirectory() && hasArchive?.isDirectory() ? live : undefined;
}

/**
 * `live/NAME/fullchain.pem` and `privkey.pem`, which are links into `archive`. Links are followed inside
 * certbot's own tree alone.
 */
export async function readCertbot(path: string): Promise<SourceReading> {
  const live = await certbotLive(path);
  if (live === undefined) {
    throw new SourceError(`${path} is not certbot's: it has no live and archive in it`);
  }
  const root = await realpath(dirname(resolve(live)));
  const bindings: SourceBinding[] = [];
  const refused: Refused[] = [];
  for (const directory of await subdirectoriesOf(live)) {
    const cert = join(directory, 'fullchain.pem');
    const key = join(directory, 'privkey.pem');
    const faults = await Promise.all(
      [cert, key].map(async (what) => ({ what, reason: await faultWithin(root, what) })),
    );
    const found = faults.flatMap(({ what, reason }) =>
      reason === undefined ? [] : [{ what, reason }],
    );
    if (found.length > 0) refused.push(...found);
    else bindings.push({ cert: { name: cert }, key: { name: key } });
  }
  return readingOf('certbot', bindings, refused);
}
