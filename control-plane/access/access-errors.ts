import { GatewayError } from '../../shared/errors.js';

/** The admin API must not listen as configured. The message says what to set. */
export class AdminBindError extends GatewayError {
  readonly code = 'SIGNET_ADMIN_BIND_REFUSED';
}

/** The admin listener's certificate or key cannot be used. */
export class AdminTlsError extends GatewayError {
  readonly code = 'SIGNET_ADMIN_TLS';
}

/** A credential cannot be made as asked. */
export class CredentialError extends GatewayError {
  readonly code = 'SIGNET_CREDENTIAL_INVALID';
  /** The field that is wrong. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}
