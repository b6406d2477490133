/** The parts of a lock file that say what is installed. */
export interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly license?: string;
        readonly dev?: boolean;
        /** Absent for other platforms' builds that the registry did not offer when the lock was made. */
        readonly integrity?: string;
        readonly name?: string;
      }
    >
  >;
}

export interface LicensedPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string | undefined;
}

/** Everything that a production install may put on a machine, by name. */
export function productionPackages({ packages }: LockFile): readonly LicensedPackage[] {
  return Object.entries(packages)
    .filter(([path, { dev, integrity }]) => path !== '' && dev !== true && integrity !== undefined)
    .map(([path, { name, version = '', license }]) => ({
      name: name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      licence: license,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
}

/** Markdown list of the licences and the packages under each. */
export function licenceList(lock: LockFile): string {
  const byLicence = new Map<string, string[]>();
  for (const { name, version, licence = 'none stated' } of productionPackages(lock)) {
    byLicence.set(licence, [...(byLicence.get(licence) ?? []), `${name} ${version}`]);
  }
  const sections = [...byLicence]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([licence, names]) => `## ${licence}\n\n${names.map((name) => `- ${name}\n`).join('')}`);
  const head =
    '# Licences of what Signet installs\n\n' +
    'Made from the lock file by `npm run licences`; development tools are not among them. `npm run sbom`\n' +
    'prints the same as a CycloneDX bill of materials.\n';
  return [head, ...sections].join('\n');
}
