import type { OrgSeriesSource } from '../../platform/metrics/org-series.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import type { Clock } from '../../platform/time/utc-day.ts';
import { orgMetrics } from './metrics.ts';
import type { OrgCounts } from './org-counts.ts';

const pageSize = 500;

/** Sessions that have not ended and were active after `since`, of all organizations. */
export async function readActiveSessionCount(db: Queryable, since: Date): Promise<number> {
  const { rows } = await db.query<{ active: number }>({
    name: 'widget_active_sessions',
    text: `
      select count(*) as active
      from widget_session_heads heads
      where heads.last_activity_at > $1 and heads.ended_at is null`,
    values: [since],
  });
  return rows[0]?.active ?? 0;
}

/** The series per organization: those counted in this process, and active sessions from the database. */
export function analyticsOrgSeries({ counts, now, timeoutMs }: { counts: OrgCounts; now: Clock; timeoutMs: number }): OrgSeriesSource {
  /** Pages of organizations as they were found last. */
  let found: (readonly OrgRow[])[] = [];
  return {
    name: 'widget_analytics',
    families: Object.values(orgMetrics),
    read: async function* (db, admission) {
      const active = await readActiveSessionsByOrg(db, { since: new Date(now().getTime() - timeoutMs), lastId: admission.lastId });
      const pages: (readonly OrgRow[])[] = [];
      for (let afterId = 0; ;) {
        const page = await readOrgsWithChatbot(db, { afterId, lastId: admission.lastId });
        pages.push(page);
        yield counts.families(page);
        yield [
          {
            definition: orgMetrics.activeSessions,
            series: page.map(({ id, key }) => ({ labels: { org: key }, value: active.get(id) ?? 0 })),
          },
        ];
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

interface OrgRow {
  id: number;
  key: string;
}

async function readActiveSessionsByOrg(db: Queryable, { since, lastId }: { since: Date; lastId: number }): Promise<Map<number, number>> {
  const { rows } = await db.query<{ org_id: number; active: number }>({
    name: 'widget_active_sessions_by_org',
    text: `
      select heads.org_id, count(*) as active
      from widget_session_heads heads
      where heads.last_activity_at > $1 and heads.ended_at is null and heads.org_id <= $2
      group by heads.org_id`,
    values: [since, lastId],
  });
  return new Map(rows.map(({ org_id, active }) => [org_id, active]));
}

/** A page of the admitted organizations that use the slice: those with a chatbot. */
async function readOrgsWithChatbot(db: Queryable, { afterId, lastId }: { afterId: number; lastId: number }): Promise<OrgRow[]> {
  const { rows } = await db.query<OrgRow & Record<string, unknown>>({
    name: 'widget_orgs_with_chatbot',
    text: `
      select organizations.id, organizations.key
      from organizations
      where organizations.is_active and organizations.id > $1 and organizations.id <= $2
        and exists (select from chatbots where chatbots.org_id = organizations.id)
      order by organizations.id
      limit ${pageSize}`,
    values: [afterId, lastId],
  });
  return rows;
}
