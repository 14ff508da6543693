/** A UUID of version 7 (RFC 9562): the time in milliseconds, then chance. crypto.randomUUID is missing on pages without TLS. */
export function uuid7(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  const random = '7xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => ((crypto.getRandomValues(new Uint8Array(1))[0] as number) % 16).toString(16));
  return `${time.slice(0, 8)}-${time.slice(8)}-${random}`;
}
