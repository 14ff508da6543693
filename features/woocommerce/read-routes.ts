import { z } from 'zod';
import type { OrgUser } from '../../platform/auth/identities.ts';
import type { ApiDeps } from '../../platform/http/api-slice.ts';
import { route, type Answer, type RateLimitPolicy, type Route } from '../../platform/http/route.ts';
import { wholeNumber } from '../../platform/http/validation.ts';
import { withOrg } from '../../platform/postgres/pool.ts';
import { roundHalfAway } from '../../platform/rounding.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { analytics, errors, health, trends } from './answers.ts';
import { operationNames } from './catalogue.ts';
import { normaliseDomain } from './domain.ts';
import {
  readErrorCounts,
  readErrorGroups,
  readNewestOperations,
  readOperationCounts,
  readStoreConfigs,
  readUsageTotals,
  type StoredOperation,
  type UsageFilter,
} from './queries.ts';
import { checkStores, storeAccess, type StoreCheck } from './store-checks.ts';
import { changePct, usageChange, usageFigures, weekBefore } from './usage.ts';

/** This slice audits nothing: every read is of the caller's own organization. */
export const woocommerceAuditActions: readonly string[] = [];

const domain = z
  .string()
  .transform((text, context) => {
    const normalised = normaliseDomain(text);
    if (normalised === undefined) context.addIssue({ code: 'custom', message: 'must be a host name such as shop.example' });
    return normalised ?? z.NEVER;
  })
  .meta({ description: 'Of this shop only: its host name, or a URL that holds it.' });
const operation = z.enum(operationNames, 'must be one of the 25 operations');
const filters = { domain: domain.optional(), operation: operation.optional().meta({ description: 'Of this operation only.' }) };

/** The read side of woocommerce: what an organization's shops did, how they do, and whether they answer. */
export function woocommerceReadRoutes(deps: ApiDeps): Route[] {
  return [analyticsRoute(deps), trendsRoute(deps), errorsRoute(deps), healthRoute(deps)];
}

const portalRead: RateLimitPolicy<OrgUser> = { policy: 'portal_read', keys: ({ identity }) => [{ key: identity.sub, perMinute: 120 }] };

/** Operations arrive all the time: without it, numbers of one answer would differ by those that came in between. */
const agreeing = { snapshot: true };

const days = wholeNumber({ min: 1, max: 90 }).default(7);

/** The UTC calendar days that end today. */
function period(now: Date, length: number): Pick<UsageFilter, 'first' | 'last'> {
  const today = utcDayOf(now);
  return { first: addDays(today, 1 - length), last: today };
}

function analyticsRoute({ orgPool, auth, now }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: '/api/woocommerce/analytics',
    operationId: 'getWooCommerceAnalytics',
    tag: 'woocommerce',
    summary: 'WooCommerce operations of the own organization: figures of a period and the newest operations',
    description: 'The period is the UTC days that end today. Without credentials the answer is empty.',
    identity: auth.orgUserOrNobody,
    cors: 'portal',
    rateLimit: { policy: 'portal_read', keys: ({ identity, address }) => [{ key: identity?.sub ?? address, perMinute: 120 }] },
    query: z.object({ ...filters, days, limit: wholeNumber({ min: 1, max: 1000 }).default(100) }),
    responses: { 200: analytics },
    errors: ['DATABASE_UNAVAILABLE'],
    handler: async ({ identity, query }): Promise<Answer> => {
      const { days: length, limit, ...filter } = query;
      if (identity === undefined) return { status: 200, body: analyticsBody(noUsage, query) };
      const orgId = identity.organization.id;
      const usage: UsageFilter = { orgId, ...period(now(), length), ...filter };
      const read = await withOrg(
        orgPool,
        orgId,
        async (db) => ({
          totals: await readUsageTotals(db, usage),
          operations: await readOperationCounts(db, usage),
          errors: await readErrorCounts(db, usage),
          newest: await readNewestOperations(db, usage, limit),
        }),
        agreeing,
      );
      return { status: 200, body: analyticsBody(read, query) };
    },
  });
}

interface Usage {
  totals: Awaited<ReturnType<typeof readUsageTotals>>;
  operations: Awaited<ReturnType<typeof readOperationCounts>>;
  errors: Awaited<ReturnType<typeof readErrorCounts>>;
  newest: StoredOperation[];
}

const noUsage: Usage = {
  totals: { count: 0, successCount: 0, durationSumMs: 0, durations: { zeroCount: 0, buckets: [], min: 0, max: 0 } },
  operations: [],
  errors: [],
  newest: [],
};

function analyticsBody(
  usage: Usage,
  query: { days: number; limit: number; domain?: string | undefined; operation?: string | undefined },
): unknown {
  return {
    success: true,
    data: {
      metrics: usage.newest.map((stored) => ({ ...stored, created_at: stored.created_at.toISOString() })),
      stats: {
        ...usageFigures(usage.totals),
        operations_by_type: Object.fromEntries(usage.operations),
        errors_by_type: Object.fromEntries(usage.errors),
      },
      filters: query,
    },
  };
}

function trendsRoute({ orgPool, auth, now }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: '/api/woocommerce/trends',
    operationId: 'getWooCommerceTrends',
    tag: 'woocommerce',
    summary: 'WooCommerce operations of the own organization, week over week',
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: portalRead,
    query: z.object({ ...filters, weeks: wholeNumber({ min: 2, max: 12 }).default(4) }),
    responses: { 200: trends },
    errors: ['DATABASE_UNAVAILABLE'],
    handler: async ({ identity, query }): Promise<Answer> => {
      const { weeks: length, ...filter } = query;
      const orgId = identity.organization.id;
      const today = utcDayOf(now());
      const spans = Array.from({ length }, (_, week) => ({ orgId, ...weekBefore(today, week), ...filter }));
      const [current, previous] = spans as [UsageFilter, UsageFilter];
      const read = await withOrg(
        orgPool,
        orgId,
        async (db) => {
          const totals = [];
          for (const span of spans) totals.push(await readUsageTotals(db, span));
          return { totals, current: await readOperationCounts(db, current), previous: await readOperationCounts(db, previous) };
        },
        agreeing,
      );
      const [thisWeek = noUsage.totals, lastWeek = noUsage.totals] = read.totals;
      const body = {
        success: true,
        data: {
          weeks: spans.map(({ first, last }, week) => ({
            week,
            from: first,
            to: last,
            ...usageFigures(read.totals[week] ?? noUsage.totals),
          })),
          change: usageChange(thisWeek, lastWeek),
          by_operation: compareOperations(read.current, read.previous),
          filters: query,
        },
      };
      return { status: 200, body };
    },
  });
}

/** Operations of either week, most frequent now first, then by name. */
function compareOperations(current: Usage['operations'], previous: Usage['operations']): unknown[] {
  const now = new Map(current);
  const before = new Map(previous);
  return [...new Set([...now.keys(), ...before.keys()])]
    .map((name) => ({ operation: name, current: now.get(name) ?? 0, previous: before.get(name) ?? 0 }))
    .toSorted((left, right) => right.current - left.current || (left.operation < right.operation ? -1 : 1))
    .map((counts) => ({ ...counts, change_pct: changePct(counts.current, counts.previous) }));
}

function errorsRoute({ orgPool, auth, now }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: '/api/woocommerce/errors',
    operationId: 'getWooCommerceErrors',
    tag: 'woocommerce',
    summary: 'Failed WooCommerce operations of the own organization, grouped by error type',
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: portalRead,
    query: z.object({ ...filters, days }),
    responses: { 200: errors },
    errors: ['DATABASE_UNAVAILABLE'],
    handler: async ({ identity, query }): Promise<Answer> => {
      const { days: length, ...filter } = query;
      const orgId = identity.organization.id;
      const groups = await withOrg(orgPool, orgId, (db) => readErrorGroups(db, { orgId, ...period(now(), length), ...filter }));
      const total = groups.reduce((sum, { count }) => sum + count, 0);
      const body = {
        success: true,
        data: {
          total_errors: total,
          groups: groups.map(({ errorType, count, firstSeen, lastSeen, operations, domains, messages }) => ({
            error_type: errorType,
            count,
            share: roundHalfAway((count / total) * 100, 1),
            first_seen: firstSeen.toISOString(),
            last_seen: lastSeen.toISOString(),
            operations,
            domains,
            messages,
          })),
          filters: query,
        },
      };
      return { status: 200, body };
    },
  });
}

function healthRoute({ orgPool, auth, config }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: '/api/woocommerce/health',
    operationId: 'getWooCommerceHealth',
    tag: 'woocommerce',
    summary: 'Whether the shops of the own organization answer, asked now',
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: { policy: 'woocommerce_health', keys: ({ identity }) => [{ key: String(identity.organization.id), perMinute: 10 }] },
    query: z.object({ domain: filters.domain }),
    responses: { 200: health },
    errors: ['DATABASE_UNAVAILABLE'],
    handler: async ({ identity, query }): Promise<Answer> => {
      const orgId = identity.organization.id;
      // Read and done: no connection waits while shops are asked.
      const configs = await withOrg(orgPool, orgId, (db) => readStoreConfigs(db, orgId, query.domain));
      if (configs.length === 0) {
        const body = { success: false, message: 'No WooCommerce store configured', data: { configured_domains: [], health_checks: [] } };
        return { status: 200, body };
      }
      const checks = await checkStores(configs, storeAccess(config));
      return { status: 200, body: { success: true, data: summarise(checks) } };
    },
  });
}

function summarise(checks: readonly StoreCheck[]): unknown {
  const healthy = checks.filter(({ status }) => status === 'healthy').length;
  const overall = healthy === checks.length ? 'healthy' : healthy === 0 ? 'critical' : 'degraded';
  return { overall_status: overall, healthy_domains: healthy, total_domains: checks.length, health_checks: checks };
}
