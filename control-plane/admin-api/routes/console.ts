import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { notFound, Refusal } from '../refusal.js';

/** The page and what it loads, as the build wrote them. */
interface ConsoleFile {
  readonly type: string;
  readonly content: Buffer;
  /** The same, compressed by the build. */
  readonly brotli: Buffer | undefined;
  readonly etag: string;
  /** Its name holds a hash of its content. */
  readonly isImmutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Everything from here and nothing inline; no frame around it, no form sent anywhere, no text that becomes
 * script. There is no cookie: the page keeps its token in memory and sends it in a header, which a page
 * of another site cannot do.
 */
const headers = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** The web console under `/console`. @param directory of the built files; may be missing. */
export function addConsoleRoutes(server: FastifyInstance, directory: string): void {
  const files = readFiles(directory);
  const page = files.get('index.html');

  const send = (request: FastifyRequest, reply: FastifyReply, file: ConsoleFile) => {
    // Other pages have no business with these files.
    reply.removeHeader('access-control-allow-origin');
    reply
      .headers(headers)
      .header('etag', file.etag)
      .header('vary', 'accept-encoding')
      .header(
        'cache-control',
        file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
    reply.type(file.type);
    const accepted = String(request.headers['accept-encoding'] ?? '');
    return file.brotli !== undefined && /\bbr\b/.test(accepted)
      ? reply.header('content-encoding', 'br').send(file.brotli)
      : reply.send(file.content);
  };

  server.get('/console', { schema: { hide: true } }, (request, reply) => {
    if (page === undefined) throw notBuilt();
    return send(request, reply, page);
  });
  server.get('/console/*', { schema: { hide: true } }, (request, reply) => {
    if (page === undefined) throw notBuilt();
    const { '*': path = '' } = request.params as { readonly '*'?: string };
    const file = files.get(path);
    if (file !== undefined) return send(request, reply, file);
    if (path.startsWith('assets/')) throw notFound();
    // The page's own paths, as /console/hosts/a.example.
    return send(request, reply, page);
  });
}

function notBuilt(): Refusal {
  return new Refusal(404, { message: "The console is not built: 'npm run build' makes it" });
}

/** A handful of small files: kept in memory, so that a request can never name a path of the disk. */
function readFiles(directory: string): ReadonlyMap<string, ConsoleFile> {
  const files = new Map<string, ConsoleFile>();
  if (!existsSync(directory)) return files;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const content = readFileSync(join(directory, name));
    const compressed = join(directory, `${name}.br`);
    const digest = createHash('sha256').update(content).digest('base64url').slice(0, 22);
    files.set(name.replaceAll('\\', '/'), {
      type,
      content,
      brotli: existsSync(compressed) ? readFileSync(compressed) : undefined,
      etag: `"${digest}"`,
      isImmutable: name.startsWith('assets'),
    });
  }
  return files;
}
