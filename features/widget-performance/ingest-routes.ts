import { publicCaller } from '../../platform/auth/identities.ts';
import { isBot } from '../../platform/bots.ts';
import type { Organization } from '../../platform/directory/directory.ts';
import { publicBody } from '../../platform/http/body.ts';
import { HttpError } from '../../platform/http/errors.ts';
import type { ExporterDeps, ExporterSlice } from '../../platform/http/exporter-slice.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import { startCollector } from '../../platform/metrics/collector.ts';
import type { EndpointInstruments } from '../../platform/metrics/stack.ts';
import { chatbotNotFound, isOriginAllowed, organizationOfChatbot, originNotAllowed } from '../../platform/origin/widget-origin.ts';
import { createBatchWriter, type BatchWriter } from '../../platform/postgres/batch-writer.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import { batchDays } from '../../platform/postgres/seen-batches.ts';
import { readActiveAlertCounts, type AlertCount } from './alert-queries.ts';
import { dataLossOf, measurementsOf, metricsAccepted, metricsRequest, type Measurement, type MetricsRequest } from './events.ts';
import { addMeasurements, metricsEndpoint, type MetricsOutcome, type MetricsUnit } from './ingest.ts';
import { alertCategories, alertSeverities, fleetMetrics } from './metrics.ts';
import { createOrgCounts, type OrgCounts } from './org-counts.ts';
import { minuteWindow, readChatbotIds, readErrorCounts, readTotals, type MinuteWindow } from './queries.ts';
import { healthScore, type HealthScore } from './score.ts';
import { gaugeWindowMs, performanceOrgSeries, scoreSamples } from './series-queries.ts';
import { scoreInputs } from './statistics.ts';

const dataLossAlert = 'WidgetDataLossDetected';
const alertWindowMs = 5 * 60_000;

/** The write side of widget-performance: POST /api/monitoring/widget, its counters and series, and what it knows about lost data. */
export function widgetPerformanceIngest(deps: ExporterDeps): ExporterSlice {
  const endpoint = deps.ingest.endpoint(metricsEndpoint);
  const orgCounts = createOrgCounts();
  const writer = createBatchWriter<MetricsUnit, MetricsOutcome>({
    pool: deps.pool,
    log: deps.log,
    endpoint: metricsEndpoint,
    write: addMeasurements,
    rowsOf: ({ measurements }) => measurements.length,
    ...deps.writerLimits,
    onCommit: endpoint.committed,
  });
  endpoint.queue(deps.writerLimits.maxQueueRows, writer.queuedRows);
  deps.alertDetails.set(dataLossAlert, (db, { orgId, at }) => readDataLossDetails(db, orgId, minuteWindow(at, alertWindowMs)));
  const fleet = fleetCollector(deps);
  return {
    routes: [metricsRoute(deps, { endpoint, writer, orgCounts })],
    orgSeries: performanceOrgSeries({ counts: orgCounts, now: deps.now }),
    refresh: fleet.refresh,
    drain: writer.drain,
    stop: async () => fleet.stop(),
  };
}

/** Why operations failed while data was lost: Prometheus does not know, error types are no labels. */
async function readDataLossDetails(db: Queryable, orgId: number, window: MinuteWindow): Promise<Readonly<Record<string, unknown>>> {
  const chatbotIds = await readChatbotIds(db, orgId);
  const { persistence } = await readErrorCounts(db, { orgId, chatbotIds }, window, ['persistence']);
  return { errorsByType: persistence };
}

interface Parts {
  endpoint: EndpointInstruments;
  writer: Pick<BatchWriter<MetricsUnit, MetricsOutcome>, 'submit'>;
  orgCounts: Pick<OrgCounts, 'add'>;
}

function metricsRoute(deps: ExporterDeps, { endpoint, writer, orgCounts }: Parts): Route {
  const extraOrigins = new Set(deps.config.WIDGET_EXTRA_ALLOWED_ORIGINS);
  const counted = measurementCounter(deps.metrics, orgCounts);

  async function organizationOf(request: MetricsRequest): Promise<Organization> {
    const organization = await organizationOfChatbot(deps.directory, request.chatbotId);
    if (organization === undefined) throw chatbotNotFound();
    return organization;
  }

  /** Whether it was counted: false for a batch that was seen before. */
  async function store(
    orgId: number,
    { chatbotId, batchId }: MetricsRequest,
    measurements: readonly Measurement[],
    receivedAt: Date,
  ): Promise<boolean> {
    const batch = batchId === undefined ? undefined : { batchId, days: batchDays(receivedAt) };
    const [fate] = await writer.submit([{ orgId, chatbotId, batch, measurements }]);
    if (fate === undefined || fate.refused) {
      endpoint.rows('refused', measurements.length);
      throw new HttpError('ROW_REFUSED', 'the database refused these metrics; do not send them again', {
        issues: [{ path: 'metrics', message: 'was refused as a whole' }],
      });
    }
    if (fate.outcome === 'chatbot_gone') throw chatbotNotFound();
    const isStored = fate.outcome === 'stored';
    endpoint.rows(isStored ? 'stored' : 'duplicate', measurements.length);
    if (isStored) for (const measurement of measurements) counted(orgId, measurement);
    return isStored;
  }

  return route({
    method: 'POST',
    path: '/api/monitoring/widget',
    operationId: 'addWidgetMetrics',
    tag: 'widget-performance',
    summary: 'What a widget measured, from the page that embeds it; acknowledged after it is stored',
    description:
      'One metric, or up to 100 in `metrics`; one that is not valid refuses all. After a 503 or without an answer, send it again with the same ' +
      '`batchId`: it is counted once. An `Origin`, where there is one, must be on the allowlist of the organization. `text/plain` is for ' +
      'beacons; the body is JSON all the same.',
    identity: publicCaller,
    cors: 'widget',
    rateLimit: {
      policy: 'client_metrics',
      keys: ({ address }) => [{ key: address, perMinute: 6000 }],
      keysOfBody: ({ address }, { chatbotId }) => [{ key: `${chatbotId}|${address}`, perMinute: 600 }],
    },
    body: { rule: publicBody, schema: metricsRequest },
    responses: { 200: metricsAccepted },
    errors: ['ORIGIN_NOT_ALLOWED', 'CHATBOT_NOT_FOUND', 'ROW_REFUSED', 'INGEST_OVERLOADED', 'DATABASE_UNAVAILABLE'],
    ingest: endpoint,
    handler: async ({ body, header }): Promise<Answer> => {
      const receivedAt = deps.now();
      const { measurements, ignored } = measurementsOf(body, receivedAt);
      const organization = await organizationOf(body);
      if (isBot(header('user-agent'))) {
        endpoint.rows('bot', body.metrics.length);
        return acknowledge(body, deps.now(), { accepted: 0, ignored: body.metrics.length, duplicate: false });
      }
      if (!isOriginAllowed(organization, header('origin'), extraOrigins)) throw originNotAllowed();
      const isNew = measurements.length === 0 || (await store(organization.id, body, measurements, receivedAt));
      endpoint.rows('ignored', ignored);
      return acknowledge(body, deps.now(), { accepted: isNew ? measurements.length : 0, ignored, duplicate: !isNew });
    },
  });
}

function acknowledge(
  { isBatch, metrics: [first] }: MetricsRequest,
  at: Date,
  counts: { accepted: number; ignored: number; duplicate: boolean },
): Answer {
  const timestamp = at.toISOString();
  return { status: 200, body: { success: true, ...(isBatch ? counts : { type: first?.type }), timestamp } };
}

/** Counts a measurement that was stored, fleet-wide and for its organization. Labels are closed sets, whatever was sent. */
function measurementCounter(
  metrics: ExporterDeps['metrics'],
  orgCounts: Parts['orgCounts'],
): (orgId: number, measurement: Measurement) => void {
  const persistence = metrics.counter(fleetMetrics.persistence);
  const persistenceDuration = metrics.histogram(fleetMetrics.persistenceDuration);
  const dataLoss = metrics.counter(fleetMetrics.dataLoss);
  const restorations = metrics.counter(fleetMetrics.restorations);
  const restorationDuration = metrics.histogram(fleetMetrics.restorationDuration);
  const navigations = metrics.counter(fleetMetrics.navigations);
  const renderDuration = metrics.histogram(fleetMetrics.renderDuration);
  const scrollFrameRate = metrics.histogram(fleetMetrics.scrollFrameRate);
  const scrollFrames = metrics.counter(fleetMetrics.scrollFrames);
  const scrollJankFrames = metrics.counter(fleetMetrics.scrollJankFrames);
  const memoryHeapUsed = metrics.histogram(fleetMetrics.memoryHeapUsed);
  const tabSync = metrics.counter(fleetMetrics.tabSync);
  const tabSyncLatency = metrics.histogram(fleetMetrics.tabSyncLatency);
  const apiRequests = metrics.counter(fleetMetrics.apiRequests);
  const apiDuration = metrics.histogram(fleetMetrics.apiDuration);
  const bundleLoads = metrics.counter(fleetMetrics.bundleLoads);
  const bundleLoadDuration = metrics.histogram(fleetMetrics.bundleLoadDuration);
  const bundleSize = metrics.histogram(fleetMetrics.bundleSize);

  function countFleet(measurement: Measurement): void {
    const { type, operation, value, failed } = measurement;
    const outcome = failed ? 'failure' : 'success';
    const cached = measurement.cached ? 'true' : 'false';
    switch (type) {
      case 'persistence':
        persistence.inc({ operation: operation as 'save', outcome });
        return persistenceDuration.observe({}, value / 1000);
      case 'restoration':
        restorations.inc({ outcome });
        return restorationDuration.observe({}, value / 1000);
      case 'navigation':
        return navigations.inc({ outcome, data_preserved: measurement.dataPreserved ? 'true' : 'false' });
      case 'render':
        return renderDuration.observe({}, value / 1000);
      case 'scroll':
        scrollFrames.inc({}, measurement.totalFrames);
        scrollJankFrames.inc({}, measurement.jankFrames);
        return scrollFrameRate.observe({}, value);
      case 'memory':
        return memoryHeapUsed.observe({}, value);
      case 'tabSync':
        tabSync.inc({ operation: operation as 'receive', outcome });
        return tabSyncLatency.observe({}, value / 1000);
      case 'api':
        apiRequests.inc({ outcome: failed ? 'error' : 'ok', cached });
        return apiDuration.observe({}, value / 1000);
      case 'bundle':
        bundleLoads.inc({ cached });
        bundleLoadDuration.observe({}, value / 1000);
        return bundleSize.observe({}, measurement.size);
    }
  }

  return (orgId, measurement) => {
    countFleet(measurement);
    const cause = dataLossOf(measurement);
    if (cause !== undefined) dataLoss.inc({ cause });
    orgCounts.add(orgId, measurement);
  };
}

type ActiveAlerts = readonly Pick<AlertCount, 'severity' | 'category' | 'unresolved'>[];

/** The health score over all organizations and the unresolved alerts: read from the database, absent while it cannot be read. */
function fleetCollector({ readPool, metrics, collectorErrors, log, now }: ExporterDeps): {
  refresh: () => Promise<void>;
  stop: () => void;
} {
  const collector = startCollector<{ health: HealthScore; alerts: ActiveAlerts }>({
    name: 'widget_performance_fleet',
    read: async () => {
      const totals = await readTotals(readPool, 'all', minuteWindow(now(), gaugeWindowMs), ['render', 'api']);
      return { health: healthScore(scoreInputs(totals)), alerts: await readActiveAlertCounts(readPool, 'widget-performance') };
    },
    log,
    errors: collectorErrors,
  });
  metrics.addSource(() => {
    const latest = collector.latest();
    if (latest === undefined) return [];
    return [
      { definition: fleetMetrics.healthScore, series: scoreSamples(latest.health).map(([part, value]) => ({ labels: { part }, value })) },
      { definition: fleetMetrics.alertsActive, series: alertSeries(latest.alerts) },
    ];
  });
  return collector;
}

/** Every combination of the closed sets, zeros included; a category that is none of ours counts as `other`. */
function alertSeries(alerts: ActiveAlerts): { labels: Record<string, string>; value: number }[] {
  const categoryOf = (category: string): string => alertCategories.find((known) => known === category) ?? 'other';
  return alertSeverities.flatMap((severity) =>
    [...alertCategories, 'other'].map((category) => ({
      labels: { severity, category },
      value: alerts
        .filter((alert) => alert.severity === severity && categoryOf(alert.category) === category)
        .reduce((sum, { unresolved }) => sum + unresolved, 0),
    })),
  );
}
