import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { cleanText } from '../../platform/clean-text.ts';
import { publicBody } from '../../platform/http/body.ts';
import { HttpError } from '../../platform/http/errors.ts';
import type { ApiDeps } from '../../platform/http/api-slice.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import { longestText } from '../../platform/http/validation.ts';
import type { Pool } from '../../platform/postgres/pool.ts';
import { isUtcDay, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { metricsSummary } from './answers.ts';
import { deleteBody, deleted } from './events.ts';
import { deleteLead } from './lead-ingest.ts';
import { apiMetrics } from './metrics.ts';
import { countWindowVisitors, readFreshness, readTotals, readTrend, usableSource, type SummarySource } from './queries.ts';
import { lengthOf, summaryOf, windowBefore, type Summary } from './summary.ts';

const leadDeleteAction = 'marketing.lead.delete';

/** Audit actions of this slice, so that their failure counters exist from the start. */
export const marketingAuditActions = [leadDeleteAction] as const;

const longestWindowDays = 366;

const firstYear = '1970';
const day = z
  .string()
  .trim()
  .refine((text): text is UtcDay => isUtcDay(text) && text >= firstYear, 'must be a day such as 2026-02-13')
  .meta({ format: 'date' });

const truths: Readonly<Record<string, boolean>> = {
  1: true,
  true: true,
  yes: true,
  on: true,
  0: false,
  false: false,
  no: false,
  off: false,
};

const summaryQuery = z
  .object({
    from: day.meta({ description: 'First day, UTC.', examples: ['2026-01-14'] }),
    to: day.meta({ description: 'Last day, UTC; the window has 366 days at most.', examples: ['2026-02-13'] }),
    propertyId: z
      .string()
      .overwrite(cleanText)
      .trim()
      .min(1, 'must not be empty')
      .check(longestText(128))
      .optional()
      .meta({ description: '`default` is all properties.' }),
    compareTo: z
      .string()
      .toLowerCase()
      .refine((text) => Object.hasOwn(truths, text), 'must be true or false')
      .transform((text) => truths[text] === true)
      .default(false)
      .meta({ description: 'Whether to compare with the window before: 1, true, yes, on, or 0, false, no, off.' }),
  })
  .superRefine(({ from, to }, context) => {
    if (from > to) context.addIssue({ code: 'custom', path: ['from'], message: 'must not be after to' });
    else if (lengthOf({ from, to }) > longestWindowDays) {
      context.addIssue({ code: 'custom', path: ['to'], message: `must be at most ${longestWindowDays - 1} days after from` });
    }
  });

/** The read side of marketing: the summary, and the removal of a person. For trusted servers with the admin key. */
export function marketingReadRoutes(deps: ApiDeps): Route[] {
  return [summaryRoute(deps), deleteRoute(deps)];
}

function summaryRoute({ adminPool, auth, config, metrics, now }: ApiDeps): Route {
  const cache = createSummaryCache(config, now);
  const requests = metrics.counter(apiMetrics.cacheRequests);
  return route({
    method: 'GET',
    path: '/v1/metrics/summary',
    operationId: 'getMarketingSummary',
    tag: 'marketing',
    summary: 'Traffic, funnel and leads of a window of days',
    description: 'Read from daily rollups only: `freshness` says how far they reach.',
    identity: auth.adminKey,
    cors: 'portal',
    rateLimit: { policy: 'marketing_summary', keys: ({ address }) => [{ key: address, perMinute: 60 }] },
    query: summaryQuery,
    responses: { 200: metricsSummary },
    errors: ['DATABASE_UNAVAILABLE'],
    handler: async ({ query }): Promise<Answer> => {
      const asked = { ...query, propertyId: query.propertyId ?? config.ROLLUP_DEFAULT_PROPERTY_ID, source: config.METRICS_SUMMARY_SOURCE };
      const key = JSON.stringify([asked.propertyId, asked.from, asked.to, asked.compareTo, asked.source]);
      const known = cache?.get(key);
      requests.inc({ outcome: known === undefined ? 'miss' : 'hit' });
      const summary = known ?? (await readSummary(adminPool, asked, utcDayOf(now())));
      if (known === undefined) cache?.set(key, summary);
      return { status: 200, body: { ok: true, ...summary } };
    },
  });
}

type CacheSettings = Pick<ApiDeps['config'], 'METRICS_SUMMARY_CACHE_TTL_MS' | 'METRICS_SUMMARY_CACHE_MAX_ENTRIES'>;

function createSummaryCache(
  { METRICS_SUMMARY_CACHE_TTL_MS: ttl, METRICS_SUMMARY_CACHE_MAX_ENTRIES: max }: CacheSettings,
  now: ApiDeps['now'],
): LRUCache<string, Summary> | undefined {
  if (ttl === 0) return undefined;
  return new LRUCache({ max, ttl, ttlResolution: 0, perf: { now: () => now().getTime() } });
}

interface AskedSummary {
  from: UtcDay;
  to: UtcDay;
  propertyId: string;
  compareTo: boolean;
  source: SummarySource;
}

/** In one snapshot: a rollup that commits in between must not make figures disagree. */
function readSummary(pool: Pool, { from, to, propertyId, compareTo, source: wanted }: AskedSummary, today: UtcDay): Promise<Summary> {
  const window = { from, to };
  const windows = compareTo ? [window, windowBefore(window)] : [window];
  return pool.transaction(
    async (db) => {
      const source = await usableSource(db, wanted);
      const totals = await readTotals(db, { propertyId, windows, source });
      const visitors = await countWindowVisitors(db, propertyId, windows);
      const [current, compared] = windows.flatMap((each, index) => {
        const [sums, windowVisitors] = [totals[index], visitors[index]];
        return sums === undefined || windowVisitors === undefined ? [] : [{ window: each, figures: { totals: sums, windowVisitors } }];
      });
      if (current === undefined) throw new Error('the database did not answer for the window');
      const trend = await readTrend(db, { propertyId, window, source });
      const freshness = await readFreshness(db, { propertyId, source });
      return summaryOf({ window, current: current.figures, compared, freshness, trend, today });
    },
    { snapshot: true, readOnly: true },
  );
}

function deleteRoute({ adminPool, auth, audit, config }: ApiDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/leads/delete',
    operationId: 'deleteLead',
    tag: 'marketing',
    summary: 'Removes a person: the lead, its identities, its consent log and what its forms said',
    identity: auth.adminKey,
    cors: 'portal',
    rateLimit: { policy: 'marketing_delete', keys: ({ address }) => [{ key: address, perMinute: 10 }] },
    body: { rule: publicBody, schema: deleteBody },
    responses: { 200: deleted },
    errors: ['NOT_FOUND', 'ORIGIN_NOT_ALLOWED', 'DATABASE_UNAVAILABLE'],
    handler: async ({ body: { email }, header }): Promise<Answer> => {
      const origin = header('origin');
      if (origin !== undefined && !config.CORS_ALLOWED_ORIGINS.includes(origin)) {
        throw new HttpError('ORIGIN_NOT_ALLOWED', 'this origin is not in CORS_ALLOWED_ORIGINS; add it there');
      }
      const gone = await adminPool.transaction((transaction) => deleteLead(transaction, email));
      if (gone === undefined) throw new HttpError('NOT_FOUND', 'no lead has this address');
      // Without the address: the trail must not keep what was to be forgotten.
      await audit.write(adminPool, {
        orgId: null,
        actor: 'admin key',
        action: leadDeleteAction,
        details: { submissions: gone.submissions },
      });
      return { status: 200, body: { ok: true, deleted: true } };
    },
  });
}
