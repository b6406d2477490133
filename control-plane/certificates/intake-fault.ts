/** Which half of the pair is at fault. */
export type IntakeField = 'cert' | 'key';

export type IntakeCode =
  | 'pem-too-large'
  | 'pem-missing'
  | 'pem-malformed'
  | 'pem-too-many-blocks'
  | 'pem-foreign-block'
  | 'private-key-in-chain'
  | 'certificate-unreadable'
  | 'certificate-repeated'
  | 'certificate-dates-unreadable'
  | 'certificate-expired'
  | 'name-malformed'
  | 'chain-out-of-order'
  | 'chain-broken'
  | 'key-encrypted'
  | 'key-unreadable'
  | 'key-inconsistent'
  | 'key-several'
  | 'key-kind-unsupported'
  | 'key-size-unsupported'
  | 'key-mismatch';

/** Why a certificate or key is refused at the door, and what to do about it. Never quotes the input. */
export interface IntakeFault {
  readonly field: IntakeField;
  readonly code: IntakeCode;
  /** Begins in lower case, fit to follow "Invalid SSL certificate: ". */
  readonly reason: string;
}

export type Intake<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: IntakeFault };

export function taken<T>(value: T): Intake<T> {
  return { ok: true, value };
}

export function refused(
  field: IntakeField,
  code: IntakeCode,
  reason: string,
): { readonly ok: false; readonly fault: IntakeFault } {
  return { ok: false, fault: { field, code, reason } };
}
