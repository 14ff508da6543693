import { beginRun, finishRun } from '../../jobs/runs.ts';
import { parseDeliveredAlert } from '../../platform/alerts/events.ts';
import { storeAlerts } from '../../platform/alerts/ingest.ts';
import type { Pool, Queryable } from '../../platform/postgres/pool.ts';
import type { BenchContext } from './bench.ts';
import { allowedOrigin, createIngestKeys, createOrganizations } from './organizations.ts';
import { startMeasuredExporter } from './programs.ts';

/** Bytes that PostgreSQL takes on disk, indexes and what updates leave behind included. */
export interface DatabaseUse {
  /** Of a database after its migrations. */
  empty: number;
  /** One organization with an ingest key: its rows in the directory, and its totals as they were created. */
  organization: number;
  /** The same after loads, when its totals had been written again and again. */
  loadedOrganization: number;
  batches: number;
  batch: number;
  /** Write-ahead log of one batch, written and recycled; it counts for whoever archives it. */
  batchLog: number;
  alert: number;
  jobRun: number;
}

type Context = Pick<BenchContext, 'cluster' | 'load' | 'quick'>;

const organizations = 1000;
const alerts = 2000;
const jobRuns = 2000;
const messagesPerBatch = 5;
const connections = 32;

const organizationTables = ['organizations', 'ingest_keys', 'widget_health_totals'] as const;

export async function measureDatabase({ cluster, load, quick }: Context): Promise<DatabaseUse> {
  const database = await cluster.createDatabase('size');
  const { db } = database;
  const empty = await databaseBytes(db);
  const directoryBefore = await tableBytes(db, organizationTables);
  const created = await createOrganizations(db, organizations);
  const ingestKeys = await createIngestKeys(db, created);
  const organizationBytes = async (): Promise<number> => ((await tableBytes(db, organizationTables)) - directoryBefore) / organizations;
  const organization = await organizationBytes();

  const exporter = await startMeasuredExporter(database);
  const { url } = await exporter.call('start', undefined);
  const seconds = quick ? 5 : 30;
  const siteIds = created.map(({ siteId }) => siteId);
  await load.call('run', { url, connections, seconds, send: { kind: 'bootloader', siteIds, origin: allowedOrigin } });
  const batchesBefore = await tableBytes(db, ['ingest_batches']);
  const logBefore = await logPosition(db);
  const { answers } = await load.call('run', { url, connections, seconds, send: { kind: 'messages', ingestKeys, messagesPerBatch } });
  const batchLog = ((await logPosition(db)) - logBefore) / answers;
  await exporter.stop();
  return {
    empty,
    organization,
    loadedOrganization: await organizationBytes(),
    batches: answers,
    batch: ((await tableBytes(db, ['ingest_batches'])) - batchesBefore) / answers,
    batchLog,
    alert: await growthPerRow(db, 'alerts', alerts, () => deliverAlerts(db)),
    jobRun: await growthPerRow(db, 'job_runs', jobRuns, () => recordJobRuns(db)),
  };
}

async function growthPerRow(db: Queryable, table: string, rows: number, write: () => Promise<void>): Promise<number> {
  const before = await tableBytes(db, [table]);
  await write();
  return ((await tableBytes(db, [table])) - before) / rows;
}

/** Each fires and is resolved, as WidgetOrgHealthSpike would be delivered. */
async function deliverAlerts(db: Pool): Promise<void> {
  const startsAt = new Date();
  for (const status of ['firing', 'resolved'] as const) {
    const delivered = Array.from({ length: alerts }, (_, position) => {
      const org = `customer-${String(position + 1).padStart(5, '0')}`;
      const alert = parseDeliveredAlert({
        status,
        labels: { alertname: 'WidgetOrgHealthSpike', severity: 'error', feature: 'widget-health', category: 'widget_health', org },
        annotations: {
          summary: 'Widget of an organization fails or is refused',
          description: `Widget of ${org} in the last hour. Failures: 61. Loads: 211. Refused by the domain allowlist: 3.`,
          runbook_url: 'docs/runbooks/widget-health.md#widgetorghealthspike',
          dashboard_url: `http://localhost:3000/d/widget-health?var-org=${org}`,
          meta_failures: '61',
          meta_loads: '211',
          meta_mismatches: '3',
        },
        startsAt: startsAt.toISOString(),
        endsAt: new Date(startsAt.getTime() + 600_000).toISOString(),
        fingerprint: position.toString(16).padStart(16, '0'),
      });
      if (alert === undefined) throw new Error('the webhook would not take this alert: compare it with platform/alerts/events.ts');
      return { ...alert, orgId: position + 1 };
    });
    await storeAlerts(db, delivered, startsAt);
  }
}

async function recordJobRuns(db: Queryable): Promise<void> {
  for (let run = 0; run < jobRuns; run += 1) {
    const id = await beginRun(db, 'widget-health-spike', 1, new Date());
    await finishRun(db, id, { status: 'succeeded', result: { spikes: 0 } }, new Date());
  }
}

async function databaseBytes(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>('select pg_database_size(current_database()) as bytes');
  return rows[0]?.bytes ?? Number.NaN;
}

/** With indexes; of a partitioned table all partitions. */
async function tableBytes(db: Queryable, tables: readonly string[]): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>(
    `select sum(pg_total_relation_size(part.relid))::bigint as bytes
     from unnest($1::regclass[]) measured (relation)
     cross join lateral (
       select measured.relation as relid where not exists (select from pg_partition_tree(measured.relation))
       union
       select tree.relid from pg_partition_tree(measured.relation) tree
     ) part`,
    [tables],
  );
  return rows[0]?.bytes ?? Number.NaN;
}

async function logPosition(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>(`select (pg_current_wal_insert_lsn() - '0/0')::bigint as bytes`);
  return rows[0]?.bytes ?? Number.NaN;
}
