import type { TestDatabase } from '../support/database.ts';
import { digestOf, type RouteName } from './ledger.ts';

/** Rows of one id of one tenant. */
export interface StoredItem {
  route: RouteName;
  tenant: string;
  id: string;
  copies: number;
  /** Of each copy; empty where no row holds the content. */
  digests: readonly string[];
}

/** A number that the database derives from rows: a counter, a total, a daily figure. */
export interface StoredFigure {
  tenant: string;
  name: string;
  value: number;
}

export interface Stored {
  items: readonly StoredItem[];
  figures: readonly StoredFigure[];
}

type Reader = Pick<TestDatabase, 'query'>;

interface Row {
  tenant: string;
  id: string;
  content: Record<string, unknown> | null;
}

/** The rows that each route writes, with the content by the names under which it was sent. `form_submit` is written by forms. */
const itemsSql: Readonly<Record<RouteName, string>> = {
  messages: batches('widget_messages'),
  metrics: batches('widget_performance'),
  'visitor events': `
    select organizations.key as tenant, events.id, jsonb_build_object(
      'sessionId', events.session_id, 'anonymousId', events.anonymous_id, 'name', events.event_name, 'category', events.event_category,
      'pageUrl', events.page_url, 'properties', events.properties) as content
    from widget_events events join organizations on organizations.id = events.org_id
    where events.event_name <> 'widget_error'`,
  'error reports': `
    select organizations.key as tenant, events.properties ->> 'error_message' as id, jsonb_build_object(
      'sessionId', events.session_id, 'message', events.properties ->> 'error_message', 'stack', events.properties ->> 'error_stack',
      'url', events.page_url, 'line', events.properties -> 'line') as content
    from widget_events events join organizations on organizations.id = events.org_id
    where events.event_name = 'widget_error'`,
  operations: `
    select organizations.key as tenant, stored.id, jsonb_build_object(
      'id', stored.id, 'operation', stored.operation, 'duration_ms', stored.duration_ms, 'success', stored.success, 'domain', stored.domain,
      'error_type', stored.error_type, 'error_message', stored.error_message,
      'created_at', to_char(stored.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) as content
    from woocommerce_usage_metrics stored join organizations on organizations.id = stored.org_id`,
  'site events': `
    select events.property_id as tenant, events.id, jsonb_build_object(
      'anonId', visitors.anon_id, 'eventType', events.event_type, 'path', events.path, 'props', events.props) as content
    from marketing.events events join marketing.visitors visitors on visitors.id = events.visitor_id
    where events.event_type <> 'form_submit'`,
  leads: `
    select submissions.property_id as tenant, leads.email as id, jsonb_build_object(
      'formName', submissions.form_name, 'path', submissions.path, 'payload', submissions.payload) as content
    from marketing.form_submissions submissions join marketing.leads leads on leads.id = submissions.lead_id`,
};

/** A batch is known by its id alone; near midnight it is recorded under two days. */
function batches(endpoint: string): string {
  return `
    select distinct organizations.key as tenant, batches.batch_id as id, null::jsonb as content
    from ingest_batches batches join organizations on organizations.id = batches.org_id
    where batches.endpoint = '${endpoint}'`;
}

/** Figures over all days, so that a midnight within the run changes none. */
const figuresSql: readonly string[] = [
  `select organizations.key as tenant, figure.name, figure.value
   from widget_health_totals totals join organizations on organizations.id = totals.org_id
   cross join lateral (values
     ('message durations', totals.widget_rt_total_count), ('message ms', totals.widget_rt_sum_ms)) figure (name, value)`,
  `select organizations.key as tenant, 'message durations in bucket ' || bucket.position - 1 as name, (bucket.value ->> 'count')::bigint as value
   from widget_health_totals totals join organizations on organizations.id = totals.org_id
   cross join lateral jsonb_array_elements(totals.widget_rt_buckets_json -> 'buckets') with ordinality as bucket (value, position)`,
  `select organizations.key as tenant, figure.name, sum(figure.value) as value
   from widget_performance_minutes minutes join organizations on organizations.id = minutes.org_id
   cross join lateral (values
     ('renders measured', minutes.count), ('render ms', minutes.value_sum::bigint), ('renders in log buckets', minutes.zero_count)
   ) figure (name, value)
   group by organizations.key, figure.name`,
  `select organizations.key as tenant, 'renders in log buckets' as name, sum(buckets.count) as value
   from widget_performance_buckets buckets join organizations on organizations.id = buckets.org_id
   group by organizations.key`,
  `select organizations.key as tenant, 'daily events ' || daily.event_name as name, sum(daily.event_count) as value
   from widget_daily_event_names daily join organizations on organizations.id = daily.org_id
   group by organizations.key, daily.event_name`,
  `select organizations.key as tenant, figure.name, sum(figure.value) as value
   from widget_sessions sessions join organizations on organizations.id = sessions.org_id
   cross join lateral (values
     ('opens in sessions', sessions.widget_opened_count), ('minimizes in sessions', sessions.widget_minimized_count),
     ('sent messages in sessions', sessions.messages_sent), ('received messages in sessions', sessions.messages_received),
     ('response ms in sessions', sessions.response_time_sum_ms)) figure (name, value)
   group by organizations.key, figure.name`,
  `select organizations.key as tenant, 'sessions that do not count what their events say' as name, count(*) as value
   from widget_sessions sessions join organizations on organizations.id = sessions.org_id
   left join (
     select events.chatbot_id, events.session_id, events.session_started_at,
       count(*) filter (where events.event_name = 'message_sent') as sent,
       count(*) filter (where events.event_name = 'message_received') as received,
       count(*) filter (where events.event_name = 'widget_opened') as opened,
       count(*) filter (where events.event_name = 'widget_minimized') as minimized,
       coalesce(sum((events.properties ->> 'response_time_ms')::bigint), 0)::bigint as response_sum,
       count(events.properties ->> 'response_time_ms') as responses
     from widget_events events
     group by events.chatbot_id, events.session_id, events.session_started_at
   ) counted
     on counted.chatbot_id = sessions.chatbot_id and counted.session_id = sessions.session_id
       and counted.session_started_at = sessions.started_at
   where (sessions.messages_sent, sessions.messages_received, sessions.widget_opened_count, sessions.widget_minimized_count,
       sessions.response_time_sum_ms, sessions.response_time_count, sessions.had_conversation)
     is distinct from
     (counted.sent, counted.received, counted.opened, counted.minimized, counted.response_sum, counted.responses, counted.sent > 0)
   group by organizations.key`,
  `select organizations.key as tenant, figure.name, sum(figure.value) as value
   from woocommerce_usage_daily daily join organizations on organizations.id = daily.org_id
   cross join lateral (values
     ('daily operations', daily.count), ('daily operations that succeeded', daily.success_count),
     ('ms of daily operations', daily.duration_sum_ms), ('operations in log buckets', daily.zero_count)) figure (name, value)
   where daily.domain = '*' and daily.operation = '*'
   group by organizations.key, figure.name`,
  `select organizations.key as tenant, 'operations in log buckets' as name, sum(buckets.count) as value
   from woocommerce_usage_buckets buckets join organizations on organizations.id = buckets.org_id
   where buckets.domain = '*' and buckets.operation = '*'
   group by organizations.key`,
  `select sessions.property_id as tenant, 'page views of sessions' as name, sum(sessions.page_views) as value
   from marketing.sessions sessions group by sessions.property_id`,
  `select logs.property_id as tenant, 'traffic log rows' as name, count(*) as value
   from marketing.web_traffic_logs logs
   join marketing.events events on events.property_id = logs.property_id and events.occurred_on = logs.occurred_on and events.id = logs.event_id
   group by logs.property_id`,
  `select submissions.property_id as tenant, 'leads' as name, count(distinct submissions.lead_id) as value
   from marketing.form_submissions submissions group by submissions.property_id`,
  `select daily.property_id as tenant, figure.name, sum(figure.value) as value
   from marketing.daily_metric_rollups daily
   join marketing.daily_ingest_rollups ingest on ingest.property_id = daily.property_id and ingest.day = daily.day
   cross join lateral (values
     ('daily page views', daily.total_page_views), ('daily submitted forms', daily.form_submits),
     ('daily accepted site events', ingest.events_accepted)) figure (name, value)
   where daily.property_id <> 'default'
   group by daily.property_id, figure.name`,
];

/** Everything that the routes of the load have left in the database. */
export async function readStored(database: Reader): Promise<Stored> {
  const items: StoredItem[][] = [];
  for (const [route, sql] of Object.entries(itemsSql) as [RouteName, string][]) items.push(await readItems(database, route, sql));
  const figures: StoredFigure[][] = [];
  for (const sql of figuresSql) {
    const rows = await database.query<{ tenant: string; name: string; value: string | number }>(sql);
    figures.push(rows.map(({ tenant, name, value }) => ({ tenant, name, value: Number(value) })));
  }
  // Not spread into a push: a long run has more items than a call takes arguments.
  return { items: items.flat(), figures: figures.flat() };
}

async function readItems(database: Reader, route: RouteName, sql: string): Promise<StoredItem[]> {
  const items = new Map<string, { tenant: string; id: string; copies: number; digests: string[] }>();
  for (const { tenant, id, content } of await database.query<Row & Record<string, unknown>>(sql)) {
    const key = `${tenant} ${id}`;
    let item = items.get(key);
    if (item === undefined) items.set(key, (item = { tenant, id, copies: 0, digests: [] }));
    item.copies += 1;
    if (content !== null) item.digests.push(digestOf(content));
  }
  return [...items.values()].map((item) => ({ route, ...item }));
}
