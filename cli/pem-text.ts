/** HAProxy and others keep chain and key in one file; the chain alone is what `config.cert` takes. */
export function withoutPrivateKeys(text: string): string {
  return text.replaceAll(
    /-----BEGIN ([A-Z ]*PRIVATE KEY|EC PARAMETERS)-----[^-]*-----END \1-----\s*/g,
    '',
  );
}
