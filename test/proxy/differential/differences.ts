/** A difference to nginx or HAProxy that is meant, or that the engine forces and how it is contained. */
interface Difference {
  readonly cases: RegExp;
  /** What the gateway does; another outcome of such a case is not explained. */
  readonly ours: RegExp;
  readonly because: string;
}

/** The first row that a case matches has to explain it, so the particular ones stand before the general. */
const differences: readonly Difference[] = [
  {
    cases: /^(?:framing|nothing behind): length (?!none|underscore).*, coding (?!none)/,
    ours: /^refused/,
    because:
      'RFC 9112 §6.1 lets a length beside a coding be an attack: refused, where HAProxy drops the ' +
      'length.',
  },
  {
    cases: /^(?:framing|nothing behind): length (?:list|twice equal|folded), coding none/,
    ours: /^refused/,
    because: 'Repeated and folded lengths are refused even where they agree; HAProxy merges them.',
  },
  {
    cases: /^nothing behind: length tab before value, coding none/,
    ours: /^forwarded POST \S+ "hello"$/,
    because: 'A tab is white space (RFC 9110 §5.6.3), which nginx does not take.',
  },
  {
    cases: /^framing: |^sequence: (?:two pipelined|close, then another)/,
    ours: /^refused|^forwarded [^+]*$/,
    because:
      'The engine takes no pipelining: a request that follows before the answer ends the ' +
      'connection and the request under way, which may have reached the upstream or not. Chunked ' +
      'requests are the last of their connection in any case.',
  },
  {
    cases: /^chunks: (?:letter g|empty size|blank before the size|data too long)/,
    ours: /^forwarded/,
    because:
      'Forced by the engine, which reads these chunk sizes in its own way. Contained: what it read is ' +
      'framed anew for the upstream, and the connection ends with the answer.',
  },
  {
    cases: /^chunks: extension$/,
    ours: /^waits for more|^refused/,
    because:
      'Forced by the engine: an extension without a blank before it is read as more digits. The ' +
      'request waits for data and ends with a limit.',
  },
  {
    cases: /^chunks: trailers/,
    ours: /^refused/,
    because:
      'Forced by the engine: trailers are read as another request, which ends the connection before ' +
      'the first is answered.',
  },
  {
    cases: /^target: "(?:%00|%|%zz)"/,
    ours: /^forwarded/,
    because: 'Paths pass as they were sent, never decoded (Kong); nginx decodes them to match.',
  },
  {
    cases: /^target: "(?:a#b|é|Ã©|.*\u007f.*)"/,
    ours: /^refused/,
    because:
      'No request-target of RFC 9112 §3.2; a fragment is cut off by some readers and not by others. ' +
      'Bytes above 0x7f reach us damaged by the engine.',
  },
  {
    cases: /^method: "get"/,
    ours: /^forwarded/,
    because: 'Methods are case-sensitive tokens (RFC 9110 §9.1): passed on as they are.',
  },
  {
    cases: /^version: |^start: (?:bare LF|two blanks|tab|absolute target|CONNECT)/,
    ours: /^refused/,
    because:
      'The engine answers 505 to all that is not `METHOD /path HTTP/1.1` with single blanks and CRLF. ' +
      'HTTP/1.0 clients are not served.',
  },
  {
    cases: /^start: empty line before|^field: bare CR in a value/,
    ours: /^waits for more|^refused/,
    because:
      'Forced by the engine: it reads on and closes after its time limit. Nothing is forwarded.',
  },
  {
    cases:
      /^host: none|^host: "(?:a\.test\/x|a\.test\\tb|a\.\.test|a test|a\.test:x|a\.test,b\.test|x@a\.test|a\.test[?#]x|\[::1|a\.test:99999)"/,
    ours: /^refused/,
    because:
      'Not one `host[:port]` (RFC 9110 §7.2): what nginx or HAProxy make of it, an upstream may not.',
  },
  {
    cases: /^host: ""/,
    ours: /^forwarded/,
    because: 'A client without a host may be served by path (Kong).',
  },
  {
    cases: /^field: empty name/,
    ours: /^forwarded/,
    because:
      'Forced by the engine, which hides this field and all behind it. Contained: what is hidden is ' +
      'not forwarded, and a body it announced is read as a request of the same client.',
  },
  {
    cases: /^field: (?:bare LF in a value|no colon|.* in the name|obs-fold|blank before the name)/,
    ours: /^refused/,
    because:
      'Malformed (RFC 9112 §5, §2.2): refused, where nginx drops the field or takes the line end, and HAProxy unfolds.',
  },
  {
    cases: /^redirect: target "(?:%|%zz)"/,
    ours: /^redirected to https:\/\/redirect\.test:8443\//,
    because:
      'Paths pass as they were sent, never decoded, in redirects too; nginx decodes them to match.',
  },
  {
    cases: /^redirect: (?:target "(?:a#b|Ã©)"|host ".*[x@,/].*"|absolute target)/,
    ours: /^refused/,
    because:
      'No request-target, not one `host[:port]`, or what the engine answers 505: refused before it is ' +
      'known that it would be redirected. nginx sends even these on, HAProxy takes a list of hosts.',
  },
  {
    cases: /^redirect: host "redirect\.test\."/,
    ours: /^redirected to https:\/\/redirect\.test:8443\//,
    because: 'A name with the dot of the root is the same name (RFC 1034 §3.1), as nginx has it.',
  },
  {
    cases: /^redirect: override of another host/,
    ours: /^refused/,
    because:
      'Kong routes by `X-Host-Override`, which the others pass by; a redirect never leads to a host that ' +
      'was not asked for, so the answer is 426.',
  },
  {
    cases: /^redirect: a body, and a request behind it/,
    ours: /^refused/,
    because: 'The engine takes no pipelining: what stands behind the body ends the connection.',
  },
];

/** Why the outcomes of a case may differ; `undefined` if nothing explains it. */
export function explain(name: string, ours: string): string | undefined {
  const row = rowOf(name);
  return row?.ours.test(ours) === true ? row.because : undefined;
}

/** Explanations that none of these cases comes to. */
export function idleRows(names: readonly string[]): readonly string[] {
  const rows = new Set(names.map(rowOf));
  return differences.filter((row) => !rows.has(row)).map(({ because }) => because);
}

function rowOf(name: string): Difference | undefined {
  return differences.find(({ cases }) => cases.test(name));
}
