import type { Revision } from '../../shared/revision.js';
import type { BindingNote, HistoryIndex } from '../projections/history-index.js';
import { presentLeaf } from './present-event.js';

/** Exact hosts before wildcards, longer wildcards before shorter ones, as requests are routed. */
export function bindingOf(
  index: HistoryIndex,
  host: string,
  revision: Revision,
): BindingNote | undefined {
  for (const pattern of patternsOf(host)) {
    const binding = index.binding(pattern, revision);
    if (binding !== undefined) return binding;
  }
  return undefined;
}

function patternsOf(host: string): readonly string[] {
  const labels = host.split('.');
  const patterns: string[] = [];
  for (let n = 1; n < labels.length; n++) {
    patterns.push(`*.${labels.slice(n).join('.')}`, `${labels.slice(0, n).join('.')}.*`);
  }
  return [host, ...patterns.sort((a, b) => b.length - a.length)];
}

export function presentBound(index: HistoryIndex, binding: BindingNote | undefined): object {
  if (binding === undefined) return {};
  const { requestHost, apiId, apiName, pluginId, certificateId, since } = binding;
  const certificate = certificateId && index.certificate(certificateId);
  const note = index.note(since);
  return {
    request_host: requestHost,
    api: { id: apiId, name: apiName },
    ...(pluginId !== undefined && { plugin_id: pluginId }),
    ...(certificate && {
      certificate: {
        ...presentLeaf(certificate),
        ...(certificate.erasedAt !== undefined && { key_erased: true }),
      },
    }),
    ...(note && {
      bound: {
        revision: note.revision,
        time: new Date(note.time).toISOString(),
        actor: note.actor,
        correlation_id: note.correlationId,
      },
    }),
  };
}
