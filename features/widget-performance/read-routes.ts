import { z } from 'zod';
import type { OrgUserOrAdmin } from '../../platform/auth/identities.ts';
import { cleanText } from '../../platform/clean-text.ts';
import type { ApiDeps } from '../../platform/http/api-slice.ts';
import { writeJsonArray, type AnswerStream } from '../../platform/http/answer-stream.ts';
import { HttpError, validationError } from '../../platform/http/errors.ts';
import { route, type Answer, type RateLimitPolicy, type Route } from '../../platform/http/route.ts';
import { uuid, wholeNumber } from '../../platform/http/validation.ts';
import { eachWithOrg, withOrg, type Pool, type Queryable, type TransactionOptions } from '../../platform/postgres/pool.ts';
import { roundHalfAway } from '../../platform/rounding.ts';
import { createSingleFlightCache } from '../../platform/single-flight-cache.ts';
import { readAlertCounts, readAlerts, resolveAlert, type AlertCount, type AlertFilter, type StoredAlert } from './alert-queries.ts';
import { alertStatsDays, capturedBaseline, monitoring, mostActiveAlerts, resolvedAlert } from './answers.ts';
import { metricTypes, type MetricType } from './events.ts';
import { alertCategories, alertSeverities } from './metrics.ts';
import {
  minuteWindow,
  readChatbotIds,
  readErrorCounts,
  readMinutes,
  readRenderAverage,
  readTotals,
  replaceBaseline,
  type MinuteWindow,
  type Scope,
} from './queries.ts';
import { enoughRenders } from './rollup.ts';
import { exportedMinute, persistenceSummary, statisticsOf, type Statistics } from './statistics.ts';

const resolveAction = 'alert.resolve';

/** Audit actions of this slice, so that their failure counters exist from the start. */
export const widgetPerformanceAuditActions = [resolveAction] as const;

const path = '/api/monitoring/widget';
const dayMs = 86_400_000;
const mostExportedAlerts = 1000;
const baselineWindowMs = 3_600_000;
/** Windows are asked for by programs: a handful for each scope. */
const mostCached = 2000;

/** The read side of widget-performance: statistics, their export, alerts and the render baseline. */
export function widgetPerformanceReadRoutes(deps: ApiDeps): Route[] {
  return [monitoringRoute(deps), resolveRoute(deps), baselineRoute(deps)];
}

function limitOf(kind: 'read' | 'write', perMinute: number): RateLimitPolicy<OrgUserOrAdmin> {
  return {
    policy: `portal_${kind}`,
    policyOf: ({ identity }) => (identity.admin === undefined ? `portal_${kind}` : `admin_${kind}`),
    keys: ({ identity }) => [{ key: (identity.admin ?? identity.orgUser).sub, perMinute }],
  };
}

/** What a caller asks about, and may. */
interface Asked {
  /** Undefined: all organizations. */
  orgId: number | undefined;
  /** Undefined: all chatbots of them. */
  chatbotId: string | undefined;
}

const ofOrganization = z.string().optional().meta({ description: 'Key of an organization. For administrators only.' });

async function askedOf(
  { directory }: ApiDeps,
  { orgUser }: OrgUserOrAdmin,
  { orgKey, chatbotId }: { orgKey?: string | undefined; chatbotId?: string | undefined },
): Promise<Asked> {
  if (orgUser !== undefined && orgKey !== undefined) {
    throw new HttpError('FORBIDDEN', 'orgKey is for administrators: leave it out, the token names the organization');
  }
  let orgId = orgUser?.organization.id;
  if (orgKey !== undefined) {
    const organization = await directory.organizationByKey(cleanText(orgKey));
    if (organization === undefined) throw new HttpError('ORG_NOT_FOUND', 'no organization has this key');
    orgId = organization.id;
  }
  if (chatbotId === undefined) return { orgId, chatbotId };
  const { data: id } = uuid.safeParse(chatbotId);
  const chatbot = id === undefined ? undefined : await directory.chatbot(id);
  if (chatbot === undefined || (orgId !== undefined && chatbot.orgId !== orgId)) {
    throw new HttpError('CHATBOT_NOT_FOUND', 'no chatbot that you may see has this id');
  }
  return { orgId: chatbot.orgId, chatbotId: chatbot.id };
}

/** Runs `work` as who the caller is: users of an organization see no other one's rows, whatever is asked for. */
function asCaller<T>(
  { orgUser }: OrgUserOrAdmin,
  pools: { orgPool: Pool; adminPool: Pool },
  work: (db: Queryable) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> {
  if (orgUser === undefined) return pools.adminPool.transaction(work, options);
  return withOrg(pools.orgPool, orgUser.organization.id, work, options);
}

async function scopeOf(db: Queryable, { orgId, chatbotId }: Asked): Promise<Scope> {
  if (orgId === undefined) return 'all';
  return { orgId, chatbotIds: chatbotId === undefined ? await readChatbotIds(db, orgId) : [chatbotId] };
}

/** Figures of one answer agree with each other. */
const agreeing = { snapshot: true, readOnly: true } as const;

/** As they were at a moment; a cached answer says how old it is. */
interface TimedStatistics {
  at: Date;
  statistics: Statistics;
}

const features = ['widget-health', 'widget-analytics', 'widget-performance', 'marketing', 'woocommerce', 'pipeline', 'all'] as const;

function monitoringRoute(deps: ApiDeps): Route {
  const { now, config, auth } = deps;
  const cache = createSingleFlightCache<TimedStatistics>({ ttlMs: config.MONITORING_CACHE_TTL_MS, maxEntries: mostCached, now });

  function readStatistics(identity: OrgUserOrAdmin, asked: Asked, windowMs: number): Promise<TimedStatistics> {
    return cache.get(`${asked.orgId ?? 'all'} ${asked.chatbotId ?? 'all'} ${windowMs}`, async () => {
      const at = now();
      const window = minuteWindow(at, windowMs);
      const aggregates = await asCaller(
        identity,
        deps,
        async (db) => {
          const scope = await scopeOf(db, asked);
          return {
            totals: await readTotals(db, scope, window, percentileTypes),
            errors: await readErrorCounts(db, scope, window, ['persistence', 'restoration']),
          };
        },
        agreeing,
      );
      return { at, statistics: statisticsOf(aggregates) };
    });
  }

  return route({
    method: 'GET',
    path,
    operationId: 'getWidgetPerformance',
    tag: 'widget-performance',
    summary: 'How widgets feel in browsers: health score, statistics of a window, alerts',
    description:
      'Users of an organization see their own chatbots, administrators everything. Covered are the minutes that the window touches. Figures may be ' +
      'from a cache, alerts never are. `format=export` answers the minutes themselves, while they are read: one that ends without its last ' +
      'chunk is not complete.',
    identity: auth.orgUserOrAdmin,
    cors: 'portal',
    rateLimit: limitOf('read', 120),
    query: z.object({
      window: wholeNumber({ min: 1000, max: 3_600_000 }).default(300_000).meta({ description: 'Milliseconds up to now.' }),
      format: z.enum(['json', 'export'], 'must be json or export').default('json'),
      alerts: z.string().optional().meta({ description: '`false` leaves the alerts out; anything else does not.' }),
      chatbotId: z.string().optional().meta({ description: 'Of this chatbot only.' }),
      orgKey: ofOrganization,
      feature: z
        .enum(features, `must be one of ${features.join(', ')}`)
        .default('widget-performance')
        .meta({ description: 'Whose alerts.' }),
    }),
    responses: {
      200: {
        description: 'Statistics, or their export',
        schema: monitoring,
        headers: { 'X-Widget-Health': 'The health score over all, 0 to 100' },
      },
    },
    errors: ['FORBIDDEN', 'CHATBOT_NOT_FOUND', 'ORG_NOT_FOUND', 'DATABASE_UNAVAILABLE'],
    handler: async ({ identity, query }): Promise<Answer> => {
      const asked = await askedOf(deps, identity, query);
      const { at, statistics } = await readStatistics(identity, asked, query.window);
      const headers = {
        'Cache-Control': 'no-cache, no-store, must-revalidate',
        'X-Widget-Health': String(statistics.health.overall),
        'Content-Type': 'application/json; charset=utf-8',
      };
      const filter =
        query.alerts === 'false' ? undefined : { orgId: asked.orgId, feature: query.feature === 'all' ? undefined : query.feature };
      if (query.format === 'export') {
        const request = { identity, asked, filter, windowMs: query.window, at: now() };
        return { status: 200, headers, stream: (out) => writeExport(deps, out, request) };
      }
      const alerts = filter === undefined ? {} : { alerts: await asCaller(identity, deps, (db) => readAlertsPart(db, filter, now())) };
      return { status: 200, headers, body: { timestamp: at.toISOString(), timeWindow: query.window, ...statistics, ...alerts } };
    },
  });
}

/** What percentiles are told of. */
const percentileTypes: readonly MetricType[] = ['persistence', 'render', 'tabSync', 'api'];

async function readAlertsPart(db: Queryable, filter: AlertFilter, now: Date): Promise<unknown> {
  const active = await readAlerts(db, filter, { limit: mostActiveAlerts, unresolved: true });
  const counts = await readAlertCounts(db, filter, new Date(now.getTime() - alertStatsDays * dayMs));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const by = (names: readonly string[], nameOf: (counted: AlertCount) => string): Record<string, number> =>
    Object.fromEntries(
      [...new Set([...names, ...counts.map(nameOf)])].map((name) => [
        name,
        sum(counts.filter((counted) => nameOf(counted) === name).map(({ total }) => total)),
      ]),
    );
  return {
    active: active.map(presentAlert),
    stats: {
      total: sum(counts.map(({ total }) => total)),
      unresolved: sum(counts.map(({ unresolved }) => unresolved)),
      bySeverity: by(alertSeverities, ({ severity }) => severity),
      byCategory: by(alertCategories, ({ category }) => category),
    },
  };
}

function presentAlert({ starts_at: startsAt, resolved_at: resolvedAt, ...alert }: StoredAlert): z.output<typeof resolvedAlert>['alert'] {
  const { id, orgKey, severity, category, title, message, metadata, resolved } = alert;
  return {
    id,
    orgKey,
    severity: severity as (typeof alertSeverities)[number],
    category,
    title,
    message,
    timestamp: startsAt.toISOString(),
    metadata,
    resolved,
    resolvedAt: resolvedAt?.toISOString() ?? null,
  };
}

interface ExportRequest {
  identity: OrgUserOrAdmin;
  asked: Asked;
  /** Undefined: without alerts. */
  filter: AlertFilter | undefined;
  windowMs: number;
  at: Date;
}

/** Where the series of a type stand in the export. */
const exportedAs: Record<MetricType, readonly ['persistence' | 'performance', string]> = {
  persistence: ['persistence', 'persistence'],
  restoration: ['persistence', 'restorations'],
  navigation: ['persistence', 'navigations'],
  render: ['performance', 'renders'],
  scroll: ['performance', 'scrolls'],
  memory: ['performance', 'memory'],
  tabSync: ['performance', 'tabSync'],
  api: ['performance', 'api'],
  bundle: ['performance', 'bundles'],
};

/** Page by page, so that a slow client holds nothing: what is counted meanwhile may be in a later part and not in an earlier one. */
async function writeExport(deps: ApiDeps, out: AnswerStream, { identity, asked, filter, windowMs, at }: ExportRequest): Promise<void> {
  const window = minuteWindow(at, windowMs);
  const { orgUser } = identity;
  const db = orgUser === undefined ? deps.adminPool : eachWithOrg(deps.exportPool, orgUser.organization.id);
  const scope = await scopeOf(db, asked);
  const stats = persistenceSummary(await readTotals(db, scope, window, []));
  const head = JSON.stringify({ timestamp: at.toISOString(), timeWindow: windowMs });
  await out.write(`${head.slice(0, -1)},"metrics":{"persistence":{"stats":${JSON.stringify(stats)}`);
  await writeGroup(db, out, 'persistence', { scope, window });
  await out.write(`},"performance":{`);
  await writeGroup(db, out, 'performance', { scope, window });
  await out.write('}}');
  if (filter !== undefined) {
    const alerts = await readAlerts(db, filter, { limit: mostExportedAlerts, unresolved: false });
    await out.write(`,"alerts":${JSON.stringify(alerts.map(presentAlert))}`);
  }
  await out.write('}');
}

async function writeGroup(
  db: Queryable,
  out: AnswerStream,
  group: 'persistence' | 'performance',
  { scope, window }: { scope: Scope; window: MinuteWindow },
): Promise<void> {
  const types = metricTypes.filter((type) => exportedAs[type][0] === group);
  for (const [index, type] of types.entries()) {
    const separator = index === 0 && group === 'performance' ? '' : ',';
    await out.write(`${separator}"${exportedAs[type][1]}":`);
    await writeJsonArray(out, presentPages(type, readMinutes(db, scope, window, type)));
  }
}

async function* presentPages(type: MetricType, pages: ReturnType<typeof readMinutes>): AsyncGenerator<unknown[]> {
  for await (const rows of pages) yield rows.map((row) => exportedMinute(type, row));
}

function resolveRoute(deps: ApiDeps): Route {
  const { auth, now, audit } = deps;
  return route({
    method: 'POST',
    path: `${path}/alerts/:id/resolve`,
    operationId: 'resolveAlert',
    tag: 'widget-performance',
    summary: 'Marks a stored alert as resolved',
    description:
      'Recorded in the audit log. It stays resolved while Alertmanager repeats it; a later episode is another alert. Repeating it is safe. An ' +
      'alert of no organization is for administrators.',
    identity: auth.orgUserOrAdmin,
    cors: 'portal',
    rateLimit: limitOf('write', 30),
    params: z.object({ id: z.string() }),
    responses: { 200: resolvedAlert },
    errors: ['ALERT_NOT_FOUND', 'DATABASE_UNAVAILABLE'],
    handler: async ({ identity, params, requestId }): Promise<Answer> => {
      const { data: id } = uuid.safeParse(params.id);
      const { sub, actor } = identity.admin ?? identity.orgUser;
      const resolution = { orgId: identity.orgUser?.organization.id, at: now(), by: cleanText(sub) };
      const found = id === undefined ? undefined : await asCaller(identity, deps, (db) => resolveAlert(db, id, resolution));
      if (found === undefined) throw new HttpError('ALERT_NOT_FOUND', 'no alert that you may see has this id');
      const { alert, orgId, changed } = found;
      if (changed) {
        const details = { requestId, alertId: alert.id, title: alert.title, severity: alert.severity };
        // In a transaction of its own: an audit row that cannot be written undoes nothing.
        await audit.attempt(resolveAction, () =>
          asCaller(identity, deps, (db) => audit.write(db, { orgId, actor, action: resolveAction, details })),
        );
      }
      return { status: 200, body: { success: true, alert: presentAlert(alert) } };
    },
  });
}

function baselineRoute(deps: ApiDeps): Route {
  const { auth, now } = deps;
  return route({
    method: 'POST',
    path: `${path}/baseline`,
    operationId: 'captureRenderBaseline',
    tag: 'widget-performance',
    summary: 'Makes the average render time of the last hour the baseline of an organization',
    description:
      'What `WidgetPerformanceDegraded` compares with. For owners of the organization, and for administrators, who name it. Without it the ' +
      'baseline is captured once, when there are enough renders.',
    identity: auth.ownerOrAdmin,
    cors: 'portal',
    rateLimit: limitOf('write', 30),
    query: z.object({ orgKey: ofOrganization }),
    responses: { 200: capturedBaseline },
    errors: ['FORBIDDEN', 'ORG_NOT_FOUND', 'NOT_ENOUGH_DATA', 'DATABASE_UNAVAILABLE'],
    handler: async ({ identity, query: { orgKey } }): Promise<Answer> => {
      const { orgId } = await askedOf(deps, identity, { orgKey });
      if (orgId === undefined) throw validationError([{ path: 'orgKey', message: 'is required of an administrator' }]);
      const capturedAt = now();
      const { sub } = identity.admin ?? identity.orgUser;
      const baseline = await asCaller(identity, deps, async (db) => {
        const { count, averageMs } = await readRenderAverage(db, orgId, minuteWindow(capturedAt, baselineWindowMs));
        if (count < enoughRenders) {
          throw new HttpError('NOT_ENOUGH_DATA', `${count} renders in the last hour: a baseline takes at least ${enoughRenders}`);
        }
        const captured = { renderAvgMs: averageMs, sampleCount: count, capturedAt, capturedBy: cleanText(sub) };
        await replaceBaseline(db, orgId, captured);
        return captured;
      });
      const { renderAvgMs, sampleCount } = baseline;
      const body = {
        orgKey: identity.orgUser?.organization.key ?? cleanText(orgKey ?? ''),
        renderAvgMs: roundHalfAway(renderAvgMs, 2),
        sampleCount,
        capturedAt: capturedAt.toISOString(),
      };
      return { status: 200, body: { success: true, baseline: body } };
    },
  });
}
