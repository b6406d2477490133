import { join } from 'node:path';
import type { Pair } from './openssl.js';
import { write, writePair } from './planned-import.js';

/**
 * A configuration that nginx itself takes, below `root`: includes with and without patterns, quoted
 * words, braces and semicolons that mean nothing, and a file that is not included.
 * @returns the path of `nginx.conf`
 */
export async function writeNginxConfiguration(
  root: string,
  { shop, shared }: { readonly shop: Pair; readonly shared: Pair },
): Promise<string> {
  await writePair(join(root, 'ssl/shop'), shop);
  await writePair(join(root, 'ssl/shared'), shared);
  await write(
    join(root, 'conf.d/shop.conf'),
    `# the shop
     server {
       listen 443 ssl http2; listen [::]:443 ssl http2;
       server_name Shop.test www.shop.test;
       include snippets/shop-tls;
       location ~ "^/(a|b){2}$" { return 200 "};"; }
     }`,
  );
  await write(
    join(root, 'snippets/shop-tls'),
    'ssl_certificate ssl/shop.crt;\nssl_certificate_key ssl/shop.key; # both of them\n',
  );
  await write(
    join(root, 'sites/a1'),
    'server { listen 443 ssl; server_name .shared.test; location / { proxy_pass http://10.0.0.1; } }',
  );
  await write(join(root, 'sites/c1'), 'server { listen 443 ssl; server_name not-included.test; }');
  return write(
    join(root, 'nginx.conf'),
    `pid ${root}/nginx.pid;
     error_log stderr;
     events { worker_connections 64; }
     http {
       access_log off;
       log_format main '$remote_addr {"x": 1}; # no comment';
       ssl_certificate ssl/shared.crt; ssl_certificate_key "ssl/shared.key";
       include conf.d/*.conf;
       include sites/[ab]?;
       server { listen 80 default_server; server_name plain.test; return 301 https://$host$request_uri; }
     }`,
  );
}
