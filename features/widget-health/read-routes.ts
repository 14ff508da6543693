import { z } from 'zod';
import type { ApiDeps } from '../../platform/http/api-slice.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import { withOrg } from '../../platform/postgres/pool.ts';
import { computePercentile } from './histogram.ts';
import { readHealthSummary, readHealthTotals, readTopByDomainMismatch, readTopByFailures } from './queries.ts';
import { recordHealthSpikes, spikeAction } from './rollup.ts';
import { healthReasons, healthStatus, healthStatuses } from './status.ts';

const summaryReadAction = 'admin.metrics.widget_health_summary.read';

/** Audit actions of this slice, so that their failure counters exist from the start. */
export const widgetHealthAuditActions = [summaryReadAction, spikeAction] as const;

const moment = z.iso.datetime().nullable();

const portalHealth = z.object({
  status: z.enum(healthStatuses),
  lastSeenAt: moment,
  loads: z.object({ total: z.int(), failures: z.int() }),
  domainMismatch: z.object({ total: z.int() }),
  responseTime: z.object({ p50: z.int().nullable(), p95: z.int().nullable() }),
  reasons: z.array(z.enum(healthReasons)),
  requestId: z.string(),
});

const healthSummary = z.object({
  totals: z.object({
    orgsTotal: z.int(),
    connectedOrgs: z.int(),
    loadsTotal: z.int(),
    failuresTotal: z.int(),
    domainMismatchTotal: z.int(),
    okCount: z.int(),
    needsAttentionCount: z.int(),
    notConnectedCount: z.int(),
  }),
  topByFailures: z.array(
    z.object({ orgKey: z.string(), orgName: z.string(), failuresTotal: z.int(), loadsTotal: z.int(), lastSeenAt: moment }),
  ),
  topByDomainMismatch: z.array(z.object({ orgKey: z.string(), orgName: z.string(), domainMismatchTotal: z.int(), lastSeenAt: moment })),
  lastSeenDistribution: z.object({ never: z.int(), lt1h: z.int(), lt24h: z.int(), lt7d: z.int(), gte7d: z.int() }),
  requestId: z.string(),
});

/** The read side of widget-health: the portal's own organization, and all of them for administrators. */
export function widgetHealthReadRoutes(deps: ApiDeps): Route[] {
  return [portalHealthRoute(deps), healthSummaryRoute(deps)];
}

function portalHealthRoute({ orgPool, auth, now }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: '/portal/widget/health',
    summary: 'Widget health of the own organization',
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: { policy: 'portal_read', keys: ({ identity }) => [{ key: identity.sub, perMinute: 120 }] },
    responses: { 200: portalHealth },
    errors: [401, 403, 404, 429, 503],
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
    summary: 'Widget health over all organizations',
    identity: auth.admin,
    cors: 'portal',
    rateLimit: { policy: 'admin_read', keys: ({ identity }) => [{ key: identity.sub, perMinute: 120 }] },
    responses: { 200: healthSummary },
    errors: [401, 403, 429, 503],
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
