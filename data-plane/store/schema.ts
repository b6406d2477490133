/**
 * `epoch` is the number of the last full snapshot that held the row: a full snapshot raises it, and
 * rows left at an older one are gone when it commits. `hash` is the entry's hash, 32 bytes. A retired
 * certificate is no part of the snapshot any more, but some host's last good one.
 *
 * `binding` is derived from APIs and plugins once a change is complete, so that what every handshake of a
 * new name asks is one look-up by a small key, even among a million hosts. Its `host` is NULL once
 * several hosts have had the same hash: then the APIs are asked.
 */
export const migrations: readonly string[] = [
  `
    CREATE TABLE snapshot (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      log_id TEXT,
      revision INTEGER,
      digest TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      key_check BLOB NOT NULL
    ) STRICT;

    CREATE TABLE api (
      id TEXT PRIMARY KEY,
      host TEXT,
      has_wildcard INTEGER NOT NULL,
      has_path INTEGER NOT NULL,
      json TEXT NOT NULL,
      hash BLOB NOT NULL,
      epoch INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX api_by_host ON api (host) WHERE host IS NOT NULL;
    CREATE INDEX api_with_wildcard ON api (id) WHERE has_wildcard = 1;
    CREATE INDEX api_with_path ON api (id) WHERE has_path = 1;

    CREATE TABLE plugin (
      id TEXT PRIMARY KEY,
      scope TEXT NOT NULL,
      enabled INTEGER NOT NULL,
      certificate_id TEXT NOT NULL,
      json TEXT NOT NULL,
      hash BLOB NOT NULL,
      epoch INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX plugin_by_scope ON plugin (scope, enabled);
    CREATE INDEX plugin_by_certificate ON plugin (certificate_id);

    CREATE TABLE certificate (
      id TEXT PRIMARY KEY,
      fingerprint256 TEXT NOT NULL,
      chain_pem TEXT NOT NULL,
      sealed_key BLOB NOT NULL,
      not_after INTEGER NOT NULL,
      retired INTEGER NOT NULL,
      hash BLOB NOT NULL,
      epoch INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX certificate_retired ON certificate (id) WHERE retired = 1;

    CREATE TABLE binding (
      host_hash INTEGER PRIMARY KEY,
      host TEXT,
      certificate_id TEXT
    ) STRICT;

    CREATE TABLE last_good (
      host TEXT PRIMARY KEY,
      certificate_id TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
];

/** Stands for "every API" in `plugin.scope`; API ids are UUIDs. */
export const everyApi = 'all';

/**
 * The certificate that a host is bound to, by host and hash: '' where no plugin is enabled, NULL where the
 * row does not say.
 */
export const bindingByHash =
  "SELECT CASE host WHEN ? THEN ifnull(certificate_id, '') END AS id FROM binding WHERE host_hash = ?";

/**
 * The same out of the plugins: the API's own, else the one for all APIs.
 * @param host SQL for the host.
 */
export const derivedCertificate = (host: string) => `
  SELECT coalesce(own.certificate_id, every.certificate_id) AS id
  FROM api a
  LEFT JOIN plugin own ON own.scope = a.id AND own.enabled = 1
  LEFT JOIN plugin every ON every.scope = '${everyApi}' AND every.enabled = 1
  WHERE a.host = ${host} ORDER BY a.id LIMIT 1`;
