import type { ExporterDeps, ExporterSlice } from '../../platform/http/exporter-slice.ts';
import { publicCaller, ingestKey } from '../../platform/auth/identities.ts';
import type { Organization } from '../../platform/directory/directory.ts';
import { isLoopback } from '../../platform/http/client-address.ts';
import { HttpError } from '../../platform/http/errors.ts';
import { serverBody } from '../../platform/http/body.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import { startCollector } from '../../platform/metrics/collector.ts';
import { isLocalhost, parseWebOrigin } from '../../platform/origin/allowlist.ts';
import type { EndpointInstruments } from '../../platform/metrics/stack.ts';
import { createBatchWriter, type BatchWriter } from '../../platform/postgres/batch-writer.ts';
import { batchDays } from '../../platform/postgres/seen-batches.ts';
import { createCounterFlusher } from '../../platform/postgres/counter-flusher.ts';
import {
  bootloaderAnswer,
  bootloaderParameters,
  messageBatch,
  messageBatchAccepted,
  parseSite,
  type BootloaderAnswer,
  type Site,
} from './events.ts';
import {
  addHealthDeltas,
  addMessageBatches,
  countLoad,
  emptyHealthDelta,
  mergeHealthDelta,
  messagesEndpoint,
  messageUnit,
  type HealthDelta,
  type MessageOutcome,
  type MessageUnit,
} from './ingest.ts';
import { fleetMetrics } from './metrics.ts';
import { signOrgToken } from './org-token.ts';
import { healthOrgSeries, readHealthSummary } from './queries.ts';

/** The write side of widget-health: GET /api/bootloader and POST /ingest/widget/messages, their counters and series. */
export function widgetHealthIngest(deps: ExporterDeps): ExporterSlice {
  const flusher = createCounterFlusher<HealthDelta>({
    pool: deps.pool,
    log: deps.log,
    now: deps.now,
    empty: emptyHealthDelta,
    merge: mergeHealthDelta,
    write: addHealthDeltas,
    onFlush: deps.flushes.flushed,
  });
  deps.flushes.watch(flusher.pendingOrgs);
  const endpoint = deps.ingest.endpoint(messagesEndpoint);
  const writer = createBatchWriter({
    pool: deps.pool,
    log: deps.log,
    endpoint: messagesEndpoint,
    write: addMessageBatches,
    rowsOf: (unit) => unit.messages,
    ...deps.writerLimits,
    onCommit: endpoint.committed,
  });
  endpoint.queue(deps.writerLimits.maxQueueRows, writer.queuedRows);
  const fleet = fleetCollector(deps);
  return {
    routes: [bootloaderRoute(deps, flusher.count), messagesRoute(deps, { endpoint, writer })],
    orgSeries: healthOrgSeries(deps.now),
    refresh: fleet.refresh,
    drain: writer.drain,
    stop: async (deadline) => {
      fleet.stop();
      await flusher.stop(deadline);
    },
  };
}

type Count = (orgId: number, change: (pending: HealthDelta) => void) => void;

export function bootloaderRoute(
  { config, directory, metrics, now }: Pick<ExporterDeps, 'config' | 'directory' | 'metrics' | 'now'>,
  count: Count,
): Route {
  const loads = metrics.counter(fleetMetrics.loads);
  const failures = metrics.counter(fleetMetrics.loadFailures);
  const mismatches = metrics.counter(fleetMetrics.domainMismatch);
  const refused = metrics.counter(fleetMetrics.refused);
  const duration = metrics.histogram(fleetMetrics.bootloaderDuration);

  /** 400 or 404 as contracted, each counted by its reason; a database that cannot say who is asking is neither. */
  async function resolveOrganization(header: (name: string) => string | undefined, query: URLSearchParams): Promise<Organization> {
    let site: Site;
    try {
      site = parseSite(header, query);
    } catch (error) {
      refused.inc({ reason: 'invalid' });
      throw error;
    }
    const organization = await ('siteId' in site ? directory.organizationBySiteId(site.siteId) : directory.organizationByKey(site.orgKey));
    if (organization?.isActive === true) return organization;
    refused.inc({ reason: 'unknown_org' });
    throw new HttpError('ORG_NOT_FOUND', 'no active organization has this site id or key');
  }

  function checkOrigin(organization: Organization, caller: { origin: string | undefined; address: string }): void {
    if (caller.origin === undefined) {
      if (organization.allowLocalhost && isLoopback(caller.address)) return;
      refused.inc({ reason: 'origin_missing' });
      throw new HttpError('ORIGIN_MISSING', 'the request carries neither Origin nor Referer');
    }
    const origin = parseWebOrigin(caller.origin);
    const isAllowed = origin !== undefined && (isLocalhost(origin) ? organization.allowLocalhost : organization.allowlist.allows(origin));
    if (isAllowed) return;
    refused.inc({ reason: 'domain' });
    mismatches.inc({});
    count(organization.id, (pending) => (pending.mismatches += 1));
    throw new HttpError('DOMAIN_NOT_ALLOWED', 'this domain is not on the allowlist of the organization; add it there to load the widget');
  }

  function present(organization: Organization, requestId: string): BootloaderAnswer {
    const { widget } = organization;
    const { primaryColor, widgetName, widgetSubtitle, launcherText, position, ...switches } = widget;
    const at = now();
    return bootloaderAnswer.parse({
      ok: true,
      org: { id: organization.id, key: organization.key, name: organization.name },
      config: { ...switches, theme: { primaryColor }, branding: { widgetName, widgetSubtitle, launcherText, position } },
      orgToken: signOrgToken(organization, config.ORG_TOKEN_SECRET, at),
      env: config.PUBLIC_ENV,
      timestamp: at.toISOString(),
      requestId,
    });
  }

  return route({
    method: 'GET',
    path: '/api/bootloader',
    operationId: 'getBootloader',
    tag: 'widget-health',
    summary: 'Configuration of a widget, for the page that embeds it',
    description:
      'Names the organization by site id or key. The host of `Origin` must be on the allowlist of the organization; pages on localhost are ' +
      'allowed if it says so. An answer counts as a widget load, a refusal by the allowlist as a domain mismatch.',
    identity: publicCaller,
    cors: 'widget',
    rateLimit: {
      policy: 'bootloader',
      keys: ({ address, header, query }) => {
        const site = header('x-site-id') ?? query.get('siteId') ?? header('x-org-key') ?? query.get('orgKey') ?? '';
        return [{ key: `${site.slice(0, 64)}|${address}`, perMinute: 120 }];
      },
    },
    reads: bootloaderParameters,
    responses: { 200: bootloaderAnswer },
    errors: ['VALIDATION_ERROR', 'ORG_NOT_FOUND', 'ORIGIN_MISSING', 'DOMAIN_NOT_ALLOWED', 'DATABASE_UNAVAILABLE'],
    handler: async (request): Promise<Answer> => {
      const organization = await resolveOrganization(request.header, request.searchParams);
      checkOrigin(organization, {
        origin: nonEmpty(request.header('origin')) ?? nonEmpty(request.header('referer')),
        address: request.clientAddress,
      });
      let body: BootloaderAnswer;
      try {
        body = present(organization, request.requestId);
      } catch (error) {
        failures.inc({});
        count(organization.id, (pending) => (pending.failures += 1));
        throw new Error(`the widget configuration of organization ${organization.key} cannot be answered`, { cause: error });
      }
      const elapsedMs = performance.now() - request.startedAt;
      loads.inc({});
      duration.observe({}, elapsedMs / 1000);
      count(organization.id, (pending) => countLoad(pending, now(), elapsedMs));
      return { status: 200, body };
    },
  });
}

/** A browser that hides its origin sends an empty header; that is no origin. */
function nonEmpty(header: string | undefined): string | undefined {
  return header === '' ? undefined : header;
}

/** `writer` takes one unit per request and answers its fate once it is stored. */
export function messagesRoute(
  deps: Pick<ExporterDeps, 'directory' | 'metrics' | 'now'>,
  { endpoint, writer }: { endpoint: EndpointInstruments; writer: Pick<BatchWriter<MessageUnit, MessageOutcome>, 'submit'> },
): Route {
  const durations = deps.metrics.histogram(fleetMetrics.messageDuration);
  return route({
    method: 'POST',
    path: '/ingest/widget/messages',
    operationId: 'reportMessageDurations',
    tag: 'widget-health',
    summary: 'Durations of message creation, from the chat backend; acknowledged after they are stored',
    description:
      'After a 503 or without an answer, send the batch again with the same `batchId`: it is counted once. An invalid item refuses the whole batch.',
    identity: ingestKey(deps.directory),
    cors: 'none',
    rateLimit: { policy: 'server_ingest', keys: ({ identity }) => [{ key: identity.keyId, perMinute: 600 }] },
    body: { rule: serverBody, schema: messageBatch },
    responses: { 202: messageBatchAccepted },
    errors: ['ROW_REFUSED', 'INGEST_OVERLOADED', 'DATABASE_UNAVAILABLE'],
    ingest: endpoint,
    handler: async ({ identity, body, requestId }): Promise<Answer> => {
      const rows = body.messages.length;
      const [fate] = await writer.submit([messageUnit(identity.orgId, body, batchDays(deps.now()))]);
      if (fate === undefined || fate.refused) {
        endpoint.rows('refused', rows);
        throw new HttpError('ROW_REFUSED', 'the database refused this batch', {
          issues: [{ path: 'messages', message: 'was refused as a whole' }],
        });
      }
      if (fate.outcome === 'org_gone') throw new HttpError('INVALID_INGEST_KEY', 'the organization of this ingest key was deleted');
      const duplicate = fate.outcome === 'duplicate';
      endpoint.rows(duplicate ? 'duplicate' : 'stored', rows);
      if (!duplicate) for (const { duration_ms, role } of body.messages) durations.observe({ role: role ?? 'unknown' }, duration_ms / 1000);
      return { status: 202, body: { accepted: duplicate ? 0 : rows, duplicate, requestId } };
    },
  });
}

/** widget_orgs and widget_orgs_by_last_seen: read from the database, absent while it cannot be read. */
function fleetCollector({ readPool, metrics, collectorErrors, log, now }: ExporterDeps): {
  refresh: () => Promise<void>;
  stop: () => void;
} {
  const collector = startCollector({
    name: 'widget_health_fleet',
    read: () => readHealthSummary(readPool, now()),
    log,
    errors: collectorErrors,
  });
  metrics.addSource(() => {
    const summary = collector.latest();
    if (summary === undefined) return [];
    return [
      {
        definition: fleetMetrics.orgs,
        series: Object.entries(summary.byStatus).map(([status, value]) => ({ labels: { status: status.toLowerCase() }, value })),
      },
      {
        definition: fleetMetrics.orgsByLastSeen,
        series: Object.entries(summary.byLastSeen).map(([band, value]) => ({ labels: { band }, value })),
      },
    ];
  });
  return collector;
}
