import { captureBody, eventBody, hasHoneypot, propertyOfRefused, unsubscribeBody } from '../features/marketing/events.ts';
import { createFingerprints } from '../features/marketing/fingerprint.ts';
import { captureUnit } from '../features/marketing/ingest-routes.ts';
import { addRejections, createMarketingWrite, type MarketingUnit, type RejectionUnit } from '../features/marketing/ingest.ts';
import { unsubscribeLead } from '../features/marketing/lead-ingest.ts';
import { eventOf, type EventContext } from '../features/marketing/stored-event.ts';
import type { JobsConfig } from '../platform/config.ts';
import type { Pool } from '../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf, type UtcDay } from '../platform/time/utc-day.ts';
import { between } from './chance.ts';
import { planMarketingVisit, type MarketingStep } from './demo-marketing.ts';
import { createVisitors } from './demo-visits.ts';
import { runJobsNow, withDemoPool } from './jobs-now.ts';

/** A fresh database has partitions for a week, and rollups-run looks as far back. */
const daysBefore = 7;
const visitsOfDay = { least: 60, most: 110 };
const dayMs = 86_400_000;
/** The sessions of the history are over before the first visitor comes. */
const quietMs = 45 * 60_000;
const unitsAtOnce = 500;

interface HistoryOptions {
  config: JobsConfig;
  now: Date;
  /** Leaves the history as it is then; the next start goes on with it. */
  signal: AbortSignal;
}

/**
 * Gives the marketing sites of the demo a week of visits, through the code that takes them in, with the clock of each day; and then their rollups.
 * A day that has events stays as it is, so a restart adds only the days that were missed.
 */
export async function createDemoMarketingHistory(options: HistoryOptions): Promise<void> {
  const { config, now, signal } = options;
  try {
    await withDemoPool(config.DATABASE_URL_JOBS, async (pool) => {
      const days = await readQuietDays(pool, now);
      await store(pool, arrivalsOn(days, new Date(now.getTime() - quietMs)), signal);
    });
    await runJobsNow(['rollups-run'], { config, signal });
    await runJobsNow(['rollups-discrepancy'], { config, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Oldest first, today the last. */
async function readQuietDays(pool: Pool, now: Date): Promise<UtcDay[]> {
  const days = Array.from({ length: daysBefore + 1 }, (_, index) => addDays(utcDayOf(now), index - daysBefore));
  const { rows } = await pool.query<{ day: UtcDay }>(
    `select given.day from unnest($1::date[]) as given (day)
     where not exists (select from marketing.events events where events.occurred_on = given.day)
     order by given.day`,
    [days],
  );
  return rows.map(({ day }) => day);
}

interface Arrival {
  step: MarketingStep;
  context: EventContext;
}

/** The requests of all visits, as they would have arrived. */
function arrivalsOn(days: readonly UtcDay[], before: Date): Arrival[] {
  const nextVisitor = createVisitors();
  // Nobody has these addresses: what they are hashed with need not be what the exporter has.
  const fingerprintOf = createFingerprints(crypto.randomUUID());
  const arrivals: Arrival[] = [];
  for (const day of days) {
    for (let left = between(visitsOfDay.least, visitsOfDay.most); left > 0; left -= 1) {
      const { userAgent, steps } = planMarketingVisit(nextVisitor());
      const fingerprint = fingerprintOf(`203.0.113.${between(1, 254)}`, userAgent);
      // More at noon than at night.
      let at = startOfUtcDay(day).getTime() + ((Math.random() + Math.random()) / 2) * (dayMs - quietMs);
      for (const step of steps) {
        at += step.afterSeconds * 1000;
        if (at >= before.getTime()) break;
        const receivedAt = new Date(at);
        arrivals.push({ step, context: { receivedAt, fingerprint, userAgent, origin: undefined, requestHost: undefined } });
      }
    }
  }
  return arrivals.toSorted((left, right) => left.context.receivedAt.getTime() - right.context.receivedAt.getTime());
}

async function store(pool: Pool, arrivals: readonly Arrival[], signal: AbortSignal): Promise<void> {
  const write = createMarketingWrite({
    inactivityMs: 30 * 60_000,
    linksByFingerprint: true,
    newId: () => crypto.randomUUID(),
    onWritten: () => undefined,
  });
  const taken = arrivals.map(takenIn);
  const units = taken.flatMap(({ unit }) => unit ?? []);
  for (let first = 0; first < units.length && !signal.aborted; first += unitsAtOnce) {
    await pool.connect((connection) => write(connection, units.slice(first, first + unitsAtOnce)));
  }
  if (signal.aborted) return;
  await addRejections(
    pool,
    taken.flatMap(({ rejection }) => rejection ?? []),
  );
  for (const { step, context } of arrivals.filter(({ step: { path } }) => path === '/v1/leads/unsubscribe')) {
    const { email } = unsubscribeBody.parse(step.body);
    const { receivedAt: at, fingerprint } = context;
    await pool.transaction((transaction) => unsubscribeLead(transaction, { email, ipHash: fingerprint.ipHash, at }));
  }
}

/** What the exporter would have made of a request. */
function takenIn({ step: { path, body }, context }: Arrival): { unit?: MarketingUnit; rejection?: RejectionUnit } {
  if (path === '/v1/leads/unsubscribe' || hasHoneypot(body)) return {};
  const rejection = { propertyId: propertyOfRefused(body), endpoint: path, occurredAt: context.receivedAt };
  if (path === '/v1/events') {
    const { data: sent } = eventBody.safeParse(body);
    return sent === undefined ? { rejection } : { unit: { event: eventOf(sent, context) } };
  }
  const { data: sent } = captureBody.safeParse(body);
  return sent === undefined ? { rejection } : { unit: captureUnit(sent, context) };
}
