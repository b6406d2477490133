/** What went wrong, in the words of RFC 9209 §2.3 where it has one. */
export type ProxyErrorKind =
  | 'dns_timeout'
  | 'dns_error'
  | 'destination_unavailable'
  | 'connection_refused'
  | 'connection_timeout'
  | 'connection_terminated'
  | 'connection_limit_reached'
  | 'connection_read_timeout'
  | 'connection_write_timeout'
  | 'tls_protocol_error'
  | 'tls_certificate_error'
  | 'http_response_incomplete'
  | 'http_response_timeout'
  | 'http_protocol_error'
  | 'http_upgrade_failed'
  | 'proxy_loop_detected'
  | 'proxy_configuration_error'
  | 'proxy_internal_error'
  | 'client_aborted'
  | 'client_timeout'
  | 'request_buffer_exceeded';

export type ProxyPhase =
  | 'resolve'
  | 'connect'
  | 'send-request'
  | 'await-response'
  | 'receive-body'
  | 'send-response';

/** A failure of one exchange as data: which side, in which phase, and whether the upstream may have acted. */
export interface ProxyError {
  readonly source: 'downstream' | 'upstream' | 'gateway';
  readonly phase: ProxyPhase;
  readonly kind: ProxyErrorKind;
  /** Whether a byte of the request may have reached the upstream. */
  readonly requestSent: boolean;
  /** Says more, for the log; never holds what a client or an upstream sent. */
  readonly detail?: string;
  /** Address and port of the upstream's server, where there was a connection to one. */
  readonly peer?: string | undefined;
}

/** The status that tells a client of it; 499 is only logged, its client is gone. */
export function statusOf(error: ProxyError): 499 | 500 | 502 | 503 | 504 | 508 {
  switch (error.kind) {
    case 'client_aborted':
    case 'client_timeout':
    case 'request_buffer_exceeded':
      return 499;
    case 'connection_limit_reached':
    case 'destination_unavailable':
      return 503;
    case 'dns_timeout':
    case 'connection_timeout':
    case 'connection_read_timeout':
    case 'connection_write_timeout':
    case 'http_response_timeout':
      return 504;
    case 'proxy_loop_detected':
      return 508;
    case 'proxy_internal_error':
      return 500;
    case 'dns_error':
    case 'connection_refused':
    case 'connection_terminated':
    case 'tls_protocol_error':
    case 'tls_certificate_error':
    case 'http_response_incomplete':
    case 'http_protocol_error':
    case 'http_upgrade_failed':
    case 'proxy_configuration_error':
      return 502;
    default:
      return error.kind satisfies never;
  }
}

/** Kinds by the code of Node's socket, resolver and TLS errors. */
export function kindOfSocketError(code: string | undefined, connecting: boolean): ProxyErrorKind {
  if (code === undefined) return connecting ? 'connection_refused' : 'connection_terminated';
  if (code === 'ECONNREFUSED') return 'connection_refused';
  if (code === 'ETIMEDOUT') return connecting ? 'connection_timeout' : 'connection_read_timeout';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENODATA') return 'dns_error';
  if (certificateErrors.test(code)) return 'tls_certificate_error';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) {
    return 'tls_protocol_error';
  }
  return connecting ? 'destination_unavailable' : 'connection_terminated';
}

/** OpenSSL's X509 verification codes as Node spells them, and Node's own check of the name. */
const certificateErrors =
  /^(?:CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERROR_IN_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME)/;
