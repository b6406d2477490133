import { type SettingInfo, settings } from '../shared/config-schema.js';

/** Markdown table of every setting. The README holds it between two marks; a test keeps them equal. */
export function settingsTable(): string {
  const rows = settings.map(
    (info) => `| \`${info.name}\` | ${defaultText(info)} | ${escapePipes(describe(info))} |`,
  );
  return ['| setting | default | what it does |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

function describe(info: SettingInfo): string {
  const choices = info.choices?.map((choice) => `\`${choice}\``).join(', ');
  return choices === undefined ? info.description : `${info.description} One of ${choices}.`;
}

function defaultText(info: SettingInfo): string {
  if (info.default === undefined) return '';
  if (Array.isArray(info.default)) return info.default.length === 0 ? 'none' : code(info.default);
  return code(info.default);
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}

function escapePipes(text: string): string {
  return text.replaceAll('|', '\\|');
}
