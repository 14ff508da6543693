import type { Queryable } from '../postgres/pool.ts';

/** What is known here of an alert and not to Prometheus, as further values of its metadata. Nothing if that is empty. */
export type ReadAlertDetails = (db: Queryable, alert: { orgId: number; at: Date }) => Promise<Readonly<Record<string, unknown>>>;

/** By alert name. Slices add what they know about an organization's alerts; the webhook reads it while such an alert fires. */
export type AlertDetails = Map<string, ReadAlertDetails>;
