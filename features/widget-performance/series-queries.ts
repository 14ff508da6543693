import { labelText, type Sample, type SeriesFamily } from '../../platform/metrics/exposition.ts';
import type { OrgSeriesSource } from '../../platform/metrics/org-series.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import type { LogBucketCounts } from '../../platform/sketch/log-buckets.ts';
import type { Clock } from '../../platform/time/utc-day.ts';
import { orgMetrics } from './metrics.ts';
import type { OrgCounts } from './org-counts.ts';
import { minuteWindow, type MinuteWindow } from './queries.ts';
import { healthScore, scoreParts, type HealthScore, type ScorePart } from './score.ts';
import { scoreInputs, type ScoreTotals } from './statistics.ts';

const pageSize = 200;
/** What gauges look back on. */
export const gaugeWindowMs = 5 * 60_000;

/** The series per organization: those counted in this process, and extremes, baseline and score from the database. */
export function performanceOrgSeries({ counts, now }: { counts: OrgCounts; now: Clock }): OrgSeriesSource {
  /** Pages of organizations as they were found last. */
  let found: (readonly OrgRow[])[] = [];
  return {
    name: 'widget_performance',
    families: Object.values(orgMetrics),
    read: async function* (db, admission) {
      // Once for all pages: every page would read the same minutes again.
      const totals = await readOrgTotals(db, admission.lastId, minuteWindow(now(), gaugeWindowMs));
      const pages: (readonly OrgRow[])[] = [];
      for (let afterId = 0; ;) {
        const page = await readOrgsWithChatbot(db, { afterId, lastId: admission.lastId });
        pages.push(page);
        yield counts.families(page);
        yield gaugesOf(page, totals);
        const last = page.at(-1);
        if (last === undefined || page.length < pageSize) break;
        afterId = last.id;
      }
      found = pages;
      if (admission.overflow > 0) yield counts.overflow(admission.lastId);
    },
    counted: function* (admission) {
      for (const page of found) yield counts.families(page);
      if (admission.overflow > 0) yield counts.overflow(admission.lastId);
    },
  };
}

/** A score as the ratios that are shown of it. */
export function scoreSamples({ overall, scores }: HealthScore): (readonly [ScorePart, number])[] {
  return scoreParts.map((part) => [part, (part === 'overall' ? overall : scores[part]) / 100]);
}

interface OrgRow {
  id: number;
  key: string;
  renderAvgMs: number | null;
}

function gaugesOf(page: readonly OrgRow[], totals: ReadonlyMap<number, OrgTotals>): SeriesFamily[] {
  const each = (valueOf: (row: OrgRow, found: OrgTotals | undefined) => number | null | undefined): Sample[] =>
    page.flatMap((row) => {
      const value = valueOf(row, totals.get(row.id)) ?? undefined;
      return value === undefined ? [] : [{ labels: labelText({ org: row.key }), value }];
    });
  return [
    { definition: orgMetrics.memoryHeapPeak, series: each((_row, found) => found?.memory?.max) },
    { definition: orgMetrics.scrollMinFrameRate, series: each((_row, found) => found?.scroll?.min) },
    { definition: orgMetrics.renderBaseline, series: each(({ renderAvgMs }) => (renderAvgMs === null ? null : renderAvgMs / 1000)) },
    {
      definition: orgMetrics.healthScore,
      series: page.flatMap(({ id, key }) =>
        scoreSamples(healthScore(scoreInputs(totals.get(id) ?? {}))).map(([part, value]) => ({
          labels: labelText({ org: key, part }),
          value,
        })),
      ),
    },
  ];
}

/** A page of the admitted organizations that use the slice: those with a chatbot. */
async function readOrgsWithChatbot(db: Queryable, { afterId, lastId }: { afterId: number; lastId: number }): Promise<OrgRow[]> {
  const { rows } = await db.query<OrgRow & Record<string, unknown>>({
    name: 'widget_performance_orgs',
    text: `
      select organizations.id, organizations.key, baselines.render_avg_ms as "renderAvgMs"
      from organizations left join widget_performance_baselines baselines on baselines.org_id = organizations.id
      where organizations.is_active and organizations.id > $1 and organizations.id <= $2
        and exists (select from chatbots where chatbots.org_id = organizations.id)
      order by organizations.id
      limit ${pageSize}`,
    values: [afterId, lastId],
  });
  return rows;
}

type OrgTotals = ScoreTotals & { scroll?: { min: number } };

interface OrgTotalsRow extends Record<string, unknown> {
  org_id: number;
  type: 'persistence' | 'render' | 'memory' | 'api' | 'scroll';
  count: number;
  errors: number;
  min: number;
  max: number;
  last: number | null;
  zeroCount: number;
  buckets: LogBucketCounts['buckets'];
}

async function readOrgTotals(db: Queryable, lastId: number, { from, to }: MinuteWindow): Promise<Map<number, OrgTotals>> {
  const { rows } = await db.query<OrgTotalsRow>({
    name: 'widget_performance_org_totals',
    text: `
      with summed as (
        select buckets.org_id, buckets.type, buckets.bucket, sum(buckets.count) as count
        from widget_performance_buckets buckets
        where buckets.minute >= $1 and buckets.minute < $2 and buckets.org_id <= $3 and buckets.type in ('render', 'api')
        group by buckets.org_id, buckets.type, buckets.bucket
      ),
      listed as (
        select summed.org_id, summed.type, json_agg(json_build_array(summed.bucket, summed.count) order by summed.bucket) as buckets
        from summed
        group by summed.org_id, summed.type
      ),
      totals as (
        select minutes.org_id, minutes.type, sum(minutes.count)::bigint as count, sum(minutes.error_count)::bigint as errors,
          min(minutes.value_min) as min, max(minutes.value_max) as max, sum(minutes.zero_count)::bigint as "zeroCount",
          (array_agg(minutes.value_last order by minutes.value_last_at desc, minutes.value_last desc)
            filter (where minutes.value_last is not null))[1] as last
        from widget_performance_minutes minutes
        where minutes.minute >= $1 and minutes.minute < $2 and minutes.org_id <= $3
          and minutes.type in ('persistence', 'render', 'memory', 'api', 'scroll')
        group by minutes.org_id, minutes.type
      )
      select totals.*, coalesce(listed.buckets, '[]') as buckets
      from totals left join listed on listed.org_id = totals.org_id and listed.type = totals.type`,
    values: [from, to, lastId],
  });
  const byOrg = new Map<number, OrgTotals>();
  for (const { org_id: orgId, type, ...totals } of rows) byOrg.set(orgId, { ...byOrg.get(orgId), [type]: totals });
  return byOrg;
}
