/** Source: contracts/marketing.md, Ingest. */
export const deviceTypes = ['desktop', 'mobile', 'tablet', 'bot', 'unknown'] as const;
export type DeviceType = (typeof deviceTypes)[number];

const patterns = [
  [/bot|crawler|spider|headless/i, 'bot'],
  [/ipad|tablet/i, 'tablet'],
  [/mobile|iphone|android/i, 'mobile'],
] as const;

/** What the sender says it is, else what its user agent looks like. */
export function deviceType(hint: DeviceType | undefined, userAgent: string | undefined): DeviceType {
  return hint ?? patterns.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1] ?? 'desktop';
}
