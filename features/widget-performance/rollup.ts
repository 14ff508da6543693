import type { Queryable } from '../../platform/postgres/pool.ts';

const hourMs = 3_600_000;
const enoughAtOnce = 100;
/** After an hour a quiet shop has a baseline as well. */
export const enoughRenders = 10;

/**
 * Captures the baseline of each organization that has none: once 100 renders exist in the last 24 hours, or an hour after the first one if 10
 * exist. Never overwrites. Answers how many were captured. Chatbots are looked up one by one: together they would be a day of everybody's
 * minutes, every minute.
 */
export async function captureBaselines(db: Queryable, now: Date): Promise<number> {
  const { rowCount } = await db.query(
    `insert into widget_performance_baselines (org_id, render_avg_ms, sample_count, captured_at, captured_by)
     select chatbots.org_id, sum(renders.value_sum) / sum(renders.count), sum(renders.count), $1, 'auto'
     from chatbots
     cross join lateral (
       select sum(minutes.count) as count, sum(minutes.value_sum) as value_sum
       from widget_performance_minutes minutes
       where minutes.org_id = chatbots.org_id and minutes.chatbot_id = chatbots.id and minutes.minute >= $2 and minutes.type = 'render'
     ) renders
     where not exists (select from widget_performance_baselines captured where captured.org_id = chatbots.org_id)
     group by chatbots.org_id
     having sum(renders.count) >= ${enoughAtOnce} or (sum(renders.count) >= ${enoughRenders} and exists (
       select from widget_performance_minutes first
       where first.org_id = chatbots.org_id and first.type = 'render' and first.minute <= $3
     ))
     order by chatbots.org_id
     on conflict (org_id) do nothing`,
    [now, new Date(now.getTime() - 24 * hourMs), new Date(now.getTime() - hourMs)],
  );
  return rowCount ?? 0;
}
