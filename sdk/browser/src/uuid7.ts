/** A UUID of version 7 (RFC 9562): the time in milliseconds, then chance. crypto.randomUUID is missing on pages without TLS. */
export function uuid7(): string {
  // The time has eleven digits until the year 2527.
  return `0${Date.now().toString(16)}-7xxx-8xxx-xxxxxxxxxxxx`
    .replace(/^.{8}/, '$&-')
    .replace(/x/g, () => ((crypto.getRandomValues(new Uint8Array(1))[0] as number) % 16).toString(16));
}
