import type { Logger } from '../log.ts';
import type { Queryable } from '../postgres/pool.ts';
import { startCollector, type Collector } from './collector.ts';
import { gauge } from './definitions.ts';
import { renderHeader, renderSeries, type SeriesFamily } from './exposition.ts';
import type { CounterInstrument, MetricsRegistry } from './registry.ts';

/**
 * The organization-scoped series on /metrics/orgs. At most `limit` organizations appear, the active ones with the smallest
 * id, so that every replica admits the same ones and an admitted one stays; all others are folded into one reserved organization
 * that keeps every other label. Series are rendered in the background and in slices, so that neither a refresh nor a scrape holds the
 * event loop: a scrape only sends what is ready. Source: contracts, Cap on org-scoped series.
 */
export const overflowOrg = '__overflow__';

/** Which organizations appear: the active ones with an id up to and including `lastId`. */
export interface Admission {
  lastId: number;
  admitted: number;
  overflow: number;
}

/**
 * The org-scoped families of one slice. Yields pieces of families in any order and size (a few hundred organizations each):
 * the series of admitted organizations, and counters and histograms folded into `overflowOrg`.
 */
export interface OrgSeriesSource {
  name: string;
  families: readonly SeriesFamily['definition'][];
  read: (db: Queryable, admission: Admission) => AsyncIterable<readonly SeriesFamily[]>;
  /**
   * The families that are counted in this process, for the organizations that `read` found last: shown while it fails. A counter that comes back
   * after a gap would look like one that has counted all of it just now.
   */
  counted?: (admission: Admission) => Iterable<readonly SeriesFamily[]>;
}

export interface OrgSeries {
  /** Pieces of the exposition; concatenated they are the body. Of a source whose refresh failed there is what is counted here. */
  chunks(): readonly Buffer[];
  refresh(): Promise<void>;
  stop(): void;
}

export const orgSeriesMetrics = {
  orgs: gauge({
    name: 'observability_org_series_orgs',
    help: 'Active organizations with series of their own on /metrics/orgs.',
    source: 'database',
  }),
  limit: gauge({
    name: 'observability_org_series_limit_orgs',
    help: 'Most organizations that may have series of their own.',
    source: 'constant',
  }),
  overflow: gauge({
    name: 'observability_org_series_overflow_orgs',
    help: 'Active organizations folded into the overflow organization.',
    source: 'database',
  }),
};

/** Longest run of rendering before other work gets its turn. */
const sliceMs = 3;

export function startOrgSeries(options: {
  db: Queryable;
  limit: number;
  sources: readonly OrgSeriesSource[];
  metrics: MetricsRegistry;
  log: Logger;
  errors: CounterInstrument<{ collector: string }>;
}): OrgSeries {
  const admission = startCollector({ name: 'org_series', read: () => readAdmission(options.db, options.limit), ...options });
  const collectors = options.sources.map((source) => startSource(source, admission, options));
  options.metrics.gaugeFrom(orgSeriesMetrics.limit, () => options.limit);
  options.metrics.gaugeFrom(orgSeriesMetrics.orgs, () => admission.latest()?.admitted);
  options.metrics.gaugeFrom(orgSeriesMetrics.overflow, () => admission.latest()?.overflow);

  return {
    chunks: () => collectors.flatMap((collector) => collector.latest() ?? collector.latestCounted()),
    refresh: async () => {
      await Promise.all([admission, ...collectors].map((collector: Pick<Collector<unknown>, 'refresh'>) => collector.refresh()));
    },
    stop: () => {
      admission.stop();
      for (const collector of collectors) collector.stop();
    },
  };
}

/** A source's own collector. Its value is the exposition of everything; while that fails, `latestCounted` is that of what is counted here. */
function startSource(
  source: OrgSeriesSource,
  admission: Collector<Admission>,
  options: { db: Queryable; log: Logger; errors: CounterInstrument<{ collector: string }> },
): Collector<Buffer[]> & { latestCounted: () => Buffer[] } {
  const countedFamilies = source.families.filter((definition) => definition.source === 'process');
  let lastAdmission: Admission | undefined;
  let counted: Buffer[] = [];

  async function read(): Promise<Buffer[]> {
    // All sources of a tick share one look; with the one of the tick before, a new organization would be a tick late.
    await admission.refresh();
    const admitted = admission.latest();
    if (admitted === undefined) throw new Error('which organizations have series could not be read; the log says why');
    const rendered = await renderFamilies(source.families, source.read(options.db, admitted));
    lastAdmission = admitted;
    counted = [];
    return rendered;
  }

  const collector = startCollector({
    name: `org_series_${source.name}`,
    log: options.log,
    errors: options.errors,
    read: async () => {
      try {
        return await read();
      } catch (error) {
        if (lastAdmission !== undefined && source.counted !== undefined) {
          counted = await renderFamilies(countedFamilies, source.counted(lastAdmission));
        }
        throw error;
      }
    },
  });
  return { ...collector, latestCounted: () => counted };
}

async function readAdmission(db: Queryable, limit: number): Promise<Admission> {
  const { rows } = await db.query<{ last_id: number; admitted: number; active: number }>(
    `with admitted as (
       select organizations.id from organizations where organizations.is_active order by organizations.id limit $1
     )
     select
       coalesce((select max(admitted.id) from admitted), 0) as last_id,
       (select count(*) from admitted) as admitted,
       (select count(*) from organizations where organizations.is_active) as active`,
    [limit],
  );
  const { last_id = 0, admitted = 0, active = 0 } = rows[0] ?? {};
  return { lastId: last_id, admitted, overflow: active - admitted };
}

/** All lines of a family must stand together, so pieces are collected per family and joined at the end. */
async function renderFamilies(
  definitions: OrgSeriesSource['families'],
  pieces: AsyncIterable<readonly SeriesFamily[]> | Iterable<readonly SeriesFamily[]>,
): Promise<Buffer[]> {
  const bodies = new Map(definitions.map((definition) => [definition.name, [Buffer.from(renderHeader(definition))]]));
  let sliceStartedAt = performance.now();
  for await (const families of pieces) {
    for (const family of families) {
      bodies.get(family.definition.name)?.push(Buffer.from(renderSeries(family)));
      if (performance.now() - sliceStartedAt > sliceMs) {
        await new Promise(setImmediate);
        sliceStartedAt = performance.now();
      }
    }
  }
  return [...bodies.values()].flat();
}
