import { ingestKey } from '../../platform/auth/identities.ts';
import { serverBody } from '../../platform/http/body.ts';
import { HttpError } from '../../platform/http/errors.ts';
import type { ExporterDeps, ExporterSlice } from '../../platform/http/exporter-slice.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import type { EndpointInstruments } from '../../platform/metrics/stack.ts';
import { createBatchWriter, type BatchWriter } from '../../platform/postgres/batch-writer.ts';
import { isRejection, judgeOperation, operationBatch, operationsAccepted, type Rejection } from './events.ts';
import { addOperations, operationsEndpoint, type OperationOutcome, type OperationUnit } from './ingest.ts';
import { fleetMetrics } from './metrics.ts';
import { createOrgCounts, type OrgCounts } from './org-counts.ts';
import { storeOrgSeries } from './queries.ts';

/** The write side of woocommerce: POST /ingest/woocommerce/operations, its counters and series. */
export function woocommerceIngest(deps: ExporterDeps): ExporterSlice {
  const endpoint = deps.ingest.endpoint(operationsEndpoint);
  const writer = createBatchWriter({
    pool: deps.pool,
    log: deps.log,
    endpoint: operationsEndpoint,
    write: addOperations,
    ...deps.writerLimits,
    onCommit: endpoint.committed,
  });
  endpoint.queue(deps.writerLimits.maxQueueRows, writer.queuedRows);
  const orgCounts = createOrgCounts();
  return {
    routes: [operationsRoute(deps, { endpoint, writer, orgCounts })],
    orgSeries: storeOrgSeries(orgCounts),
    drain: writer.drain,
  };
}

interface Parts {
  endpoint: EndpointInstruments;
  writer: Pick<BatchWriter<OperationUnit, OperationOutcome>, 'submit'>;
  orgCounts: Pick<OrgCounts, 'add'>;
}

export function operationsRoute(deps: Pick<ExporterDeps, 'directory' | 'metrics' | 'now'>, { endpoint, writer, orgCounts }: Parts): Route {
  const stored = storedCounter(deps.metrics, orgCounts);
  const rejectedItems = deps.metrics.counter(fleetMetrics.rejected);
  return route({
    method: 'POST',
    path: '/ingest/woocommerce/operations',
    operationId: 'addWooCommerceOperations',
    tag: 'woocommerce',
    summary: 'WooCommerce operations of a chat backend; acknowledged after they are stored',
    identity: ingestKey(deps.directory),
    cors: 'none',
    rateLimit: { policy: 'server_ingest', keys: ({ identity }) => [{ key: identity.keyId, perMinute: 600 }] },
    body: { rule: serverBody, schema: operationBatch },
    responses: { 202: operationsAccepted },
    errors: ['INGEST_OVERLOADED', 'DATABASE_UNAVAILABLE'],
    ingest: endpoint,
    handler: async ({ identity, body }): Promise<Answer> => {
      const receivedAt = deps.now();
      const units: { index: number; unit: OperationUnit }[] = [];
      const rejected: (Rejection & { index: number })[] = [];
      body.operations.forEach((item, index) => {
        const judged = judgeOperation(item, receivedAt);
        if (isRejection(judged)) rejected.push({ index, ...judged });
        else units.push({ index, unit: { orgId: identity.orgId, operation: judged } });
      });
      const fates = await writer.submit(units.map(({ unit }) => unit));
      let accepted = 0;
      let duplicates = 0;
      units.forEach(({ index, unit }, position) => {
        const fate = fates[position];
        if (fate === undefined || fate.refused) {
          endpoint.rows('refused', 1);
          rejected.push({ index, code: 'ROW_REFUSED', message: 'the database refused this operation' });
          return;
        }
        if (fate.outcome.fate === 'org_gone') throw new HttpError('INVALID_INGEST_KEY', 'the organization of this ingest key was deleted');
        const isStored = fate.outcome.fate === 'stored';
        endpoint.rows(isStored ? 'stored' : 'duplicate', 1);
        if (fate.outcome.fate === 'stored') stored(unit, fate.outcome.configured);
        accepted += Number(isStored);
        duplicates += Number(!isStored);
      });
      for (const { code } of rejected) rejectedItems.inc({ code });
      rejected.sort((left, right) => left.index - right.index);
      return { status: 202, body: { success: true, data: { accepted, duplicates, rejected } } };
    },
  });
}

/** Counts an operation that was really inserted, fleet-wide and for its organization. */
function storedCounter(
  metrics: ExporterDeps['metrics'],
  orgCounts: Parts['orgCounts'],
): (unit: OperationUnit, configured: boolean) => void {
  const operations = metrics.counter(fleetMetrics.operations);
  const durations = metrics.histogram(fleetMetrics.duration);
  const errors = metrics.counter(fleetMetrics.errors);
  return ({ orgId, operation }, configured) => {
    operations.inc({ operation: operation.operation, outcome: operation.success ? 'success' : 'failure' });
    durations.observe({ operation: operation.operation }, operation.durationMs / 1000);
    if (operation.errorType !== null) errors.inc({ error_type: operation.errorType });
    orgCounts.add(orgId, operation, configured);
  };
}
