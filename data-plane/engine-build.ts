import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GatewayError } from '../shared/errors.js';

/** The engine's native library as it lies on this machine. */
export interface EngineBuild {
  readonly path: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** The engine is not the one that this version was tested with, nor one that the operator named. */
export class EngineBuildError extends GatewayError {
  readonly code = 'SIGNET_ENGINE_BUILD';
}

/**
 * The builds in `@uwsjs/core` 20.51.4, by platform, processor and Node's major version. A library of
 * seven megabytes that terminates TLS deserves more than the name of its package.
 */
const knownBuilds: ReadonlyMap<string, string> = new Map([
  ['linux-x64-20', '4d482084b665c225892917ee0e9b9572d89eaa6f3dc200ff5e536293d3456c89'],
  ['linux-x64-22', 'f687e7c3666b5cca9d355184bbf07bb0550f5ba0d3ffd453248ccfec552dde6c'],
]);

/**
 * Looks at the engine before it is loaded. Finds a wrong or altered build; whoever can write where
 * Signet is installed can alter this check too.
 * @param chosen SHA-256 of the build that the operator put in, if not the one that came along
 * @throws EngineBuildError with what to do
 */
export async function checkEngineBuild(chosen: string | undefined): Promise<EngineBuild> {
  const build = await locateEngine();
  const platform = platformName();
  const expected = chosen?.toLowerCase() ?? knownBuilds.get(platform);
  if (build.sha256 === expected) return build;
  const what =
    expected === undefined
      ? `no build for ${platform} is on record`
      : `its SHA-256 is ${build.sha256}, not ${expected}`;
  throw new EngineBuildError(
    `the TLS engine ${build.path} is not used: ${what}. Install Signet anew with "npm ci"; or, if you ` +
      `put that build there, say so with engine_sha256: ${build.sha256}`,
  );
}

async function locateEngine(): Promise<EngineBuild> {
  const path = libraryPath();
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { path, sha256: hash.digest('hex') };
}

/**
 * What the engine's own loader will load: the official package has one library for each platform
 * beside its script; the one on npm names a package that has the library.
 */
function libraryPath(): string {
  const script = createRequire(import.meta.url).resolve('uWebSockets.js');
  const { platform, arch, versions } = process;
  const official = join(dirname(script), `uws_${platform}_${arch}_${versions.modules}.node`);
  if (existsSync(official)) return official;
  try {
    const library = createRequire(script).resolve(`@uwsjs/${platformName()}`);
    return join(dirname(library), 'uws.node');
  } catch (error) {
    throw new EngineBuildError(
      `uWebSockets.js has no build for ${platformName()}: it needs glibc Linux or macOS with Node 20 or 22`,
      { cause: error },
    );
  }
}

function platformName(): string {
  return `${process.platform}-${process.arch}-${process.versions.node.split('.')[0]}`;
}
