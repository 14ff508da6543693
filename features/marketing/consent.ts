/** Source: contracts/marketing.md, Consent. */
export const consentStatuses = ['pending', 'express', 'implied', 'withdrawn'] as const;
export type ConsentStatus = (typeof consentStatuses)[number];
export type RequestedConsent = Exclude<ConsentStatus, 'withdrawn'>;

const rank: Record<RequestedConsent, number> = { pending: 0, implied: 1, express: 2 };

/**
 * The status after a capture: it may only rise, and whoever withdrew may consent again. Undefined when the capture says nothing that is
 * worth a row of the log: a form that merely asks after the person has withdrawn.
 */
export function consentAfterCapture(current: ConsentStatus, requested: RequestedConsent | undefined): ConsentStatus | undefined {
  if (requested === undefined) return current;
  if (current === 'withdrawn') return requested === 'pending' ? undefined : requested;
  return rank[requested] > rank[current] ? requested : current;
}
