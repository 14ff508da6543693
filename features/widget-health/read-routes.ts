import { z } from 'zod';
import type { ApiDeps } from '../../platform/http/api-slice.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import { timestamp } from '../../platform/http/validation.ts';
import { withOrg } from '../../platform/postgres/pool.ts';
import { computePercentile } from './histogram.ts';
import { readHealthSummary, readHealthTotals, readTopByDomainMismatch, readTopByFailures } from './queries.ts';
import { recordHealthSpikes, spikeAction } from './rollup.ts';
import { healthReasons, healthStatus, healthStatuses } from './status.ts';

const summaryReadAction = 'admin.metrics.widget_health_summary.read';

/** Audit actions of this slice, so that their failure counters exist from the start. */
export const widgetHealthAuditActions = [summaryReadAction, spikeAction] as const;

const count = z.int().min(0);
const moment = timestamp.nullable();
const milliseconds = count.nullable();

const portalHealth = z
  .object({
    status: z.enum(healthStatuses),
    lastSeenAt: moment.meta({ description: 'The latest successful load.' }),
    loads: z.object({ total: count, failures: count }).meta({ description: 'Since the organization exists.' }),
    domainMismatch: z.object({ total: count }).meta({ description: 'Loads that the allowlist refused.' }),
    responseTime: z.object({ p50: milliseconds, p95: milliseconds }).meta({ description: 'In ms; null without a sample.' }),
    reasons: z.array(z.enum(healthReasons)).meta({ description: 'Why the status is what it is; empty for OK.' }),
    requestId: z.string(),
  })
  .meta({
    id: 'WidgetHealth',
    examples: [
      {
        status: 'NEEDS_ATTENTION',
        lastSeenAt: '2026-02-06T12:00:00.000Z',
        loads: { total: 1234, failures: 5 },
        domainMismatch: { total: 2 },
        responseTime: { p50: 45, p95: 180 },
        reasons: ['DOMAIN_MISMATCH'],
        requestId: 'abc-123',
      },
    ],
  });

const healthSummary = z
  .object({
    totals: z.object({
      orgsTotal: count,
      connectedOrgs: count,
      loadsTotal: count,
      failuresTotal: count,
      domainMismatchTotal: count,
      okCount: count,
      needsAttentionCount: count,
      notConnectedCount: count,
    }),
    topByFailures: z
      .array(z.object({ orgKey: z.string(), orgName: z.string(), failuresTotal: count, loadsTotal: count, lastSeenAt: moment }))
      .max(5),
    topByDomainMismatch: z
      .array(z.object({ orgKey: z.string(), orgName: z.string(), domainMismatchTotal: count, lastSeenAt: moment }))
      .max(5),
    lastSeenDistribution: z
      .object({ never: count, lt1h: count, lt24h: count, lt7d: count, gte7d: count })
      .meta({ description: 'Organizations by the age of their latest load.' }),
    requestId: z.string(),
  })
  .meta({
    id: 'WidgetHealthSummary',
    examples: [
      {
        totals: {
          orgsTotal: 50,
          connectedOrgs: 30,
          loadsTotal: 100_000,
          failuresTotal: 150,
          domainMismatchTotal: 20,
          okCount: 25,
          needsAttentionCount: 5,
          notConnectedCount: 20,
        },
        topByFailures: [
          { orgKey: 'acme', orgName: 'Acme Corp', failuresTotal: 80, loadsTotal: 5000, lastSeenAt: '2026-02-06T11:58:00.000Z' },
        ],
        topByDomainMismatch: [{ orgKey: 'beta', orgName: 'Beta Inc', domainMismatchTotal: 12, lastSeenAt: null }],
        lastSeenDistribution: { never: 20, lt1h: 10, lt24h: 8, lt7d: 7, gte7d: 5 },
        requestId: 'xyz-789',
      },
    ],
  });

/** The read side of widget-health: the portal's own organization, and all of them for administrators. */
export function widgetHealthReadRoutes(deps: ApiDeps): Route[] {
  return [portalHealthRoute(deps), healthSummaryRoute(deps)];
}

function portalHealthRoute({ orgPool, auth, now }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: '/portal/widget/health',
    operationId: 'getWidgetHealth',
    tag: 'widget-health',
    summary: 'Widget health of the own organization',
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: { policy: 'portal_read', keys: ({ identity }) => [{ key: identity.sub, perMinute: 120 }] },
    responses: { 200: portalHealth },
    errors: ['DATABASE_UNAVAILABLE'],
    handler: async ({ identity, requestId }): Promise<Answer> => {
      const orgId = identity.organization.id;
      const totals = await withOrg(orgPool, orgId, (db) => readHealthTotals(db, orgId));
      const { status, reasons } = healthStatus(totals, now());
      const body: z.input<typeof portalHealth> = {
        status,
        lastSeenAt: totals.lastSeenAt?.toISOString() ?? null,
        loads: { total: totals.loads, failures: totals.failures },
        domainMismatch: { total: totals.mismatches },
        responseTime: {
          p50: computePercentile(totals.counts, totals.totalCount, 50),
          p95: computePercentile(totals.counts, totals.totalCount, 95),
        },
        reasons,
        requestId,
      };
      return { status: 200, body };
    },
  });
}

function healthSummaryRoute({ adminPool, auth, audit, now }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: '/internal/metrics/widget-health-summary',
    operationId: 'getWidgetHealthSummary',
    tag: 'widget-health',
    summary: 'Widget health over all organizations',
    description: 'Deactivated organizations included. Each read is recorded in the audit log.',
    identity: auth.admin,
    cors: 'portal',
    rateLimit: { policy: 'admin_read', keys: ({ identity }) => [{ key: identity.sub, perMinute: 120 }] },
    responses: { 200: healthSummary },
    errors: ['DATABASE_UNAVAILABLE'],
    handler: async ({ identity, requestId }): Promise<Answer> => {
      const at = now();
      const [summary, topByFailures, topByDomainMismatch] = await Promise.all([
        readHealthSummary(adminPool, at),
        readTopByFailures(adminPool),
        readTopByDomainMismatch(adminPool),
      ]);
      const { orgsTotal, loadsTotal, failuresTotal, domainMismatchTotal, byStatus } = summary;
      const connectedOrgs = byStatus.OK + byStatus.NEEDS_ATTENTION;
      await audit.write(adminPool, {
        orgId: null,
        actor: identity.actor,
        action: summaryReadAction,
        details: { requestId, orgsTotal, connectedOrgs, loadsTotal, failuresTotal },
      });
      const body: z.input<typeof healthSummary> = {
        totals: {
          orgsTotal,
          connectedOrgs,
          loadsTotal,
          failuresTotal,
          domainMismatchTotal,
          okCount: byStatus.OK,
          needsAttentionCount: byStatus.NEEDS_ATTENTION,
          notConnectedCount: byStatus.NOT_CONNECTED,
        },
        topByFailures: topByFailures.map((top) => ({ ...top, lastSeenAt: top.lastSeenAt?.toISOString() ?? null })),
        topByDomainMismatch: topByDomainMismatch.map((top) => ({ ...top, lastSeenAt: top.lastSeenAt?.toISOString() ?? null })),
        lastSeenDistribution: summary.byLastSeen,
        requestId,
      };
      return {
        status: 200,
        body,
        afterwards: () => audit.attempt(spikeAction, () => recordHealthSpikes(adminPool, { now: at, requestId })),
      };
    },
  });
}
