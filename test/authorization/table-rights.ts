/** The roles that processes run as. */
export const runTimeRoles = ['exporter', 'api', 'admin', 'jobs'] as const;
export type RunTimeRole = (typeof runTimeRoles)[number];
export const databaseRole = (role: RunTimeRole) => `observability_${role}` as const;

const read = 'select';
const add = 'select, insert';
const keep = 'select, insert, update';
const all = 'select, insert, update, delete';

interface TableRights extends Partial<Record<RunTimeRole, string>> {
  tables: readonly string[];
}

/** What each role may do with each table, view and materialized view; nothing where it is not named. Partitions are nobody's. */
const rights: readonly TableRights[] = [
  { tables: ['schema_migrations'] },
  { tables: ['partitioned_tables'], jobs: read },
  { tables: ['job_runs'], exporter: read, admin: read, jobs: all },
  { tables: ['alert_ends_ahead'], exporter: all, jobs: all },
  { tables: ['rollup_watermarks'], exporter: read, api: read, admin: read, jobs: all },

  // Who is who.
  { tables: ['organizations', 'chatbots'], exporter: read, api: read, admin: read, jobs: all },
  { tables: ['ingest_keys'], exporter: 'select, update (last_used_at)', api: read, admin: read, jobs: all },
  {
    tables: ['customer_configs'],
    // All but the credentials of the shop.
    exporter: 'select (id, org_id, domain, woocommerce_url, created_at, updated_at)',
    api: read,
    admin: read,
    jobs: all,
  },

  // What several slices write.
  { tables: ['audit_logs'], api: 'insert', admin: add, jobs: all },
  { tables: ['ingest_batches', 'rollup_dirty_days'], exporter: keep, api: read, admin: read, jobs: all },
  {
    tables: ['alerts'],
    exporter: keep,
    api: 'select, update (resolved, resolved_at, resolved_by, expired)',
    admin: 'select, update (resolved, resolved_at, resolved_by, expired)',
    jobs: all,
  },

  { tables: ['widget_health_totals'], exporter: keep, api: read, admin: read, jobs: all },

  { tables: ['widget_events'], exporter: add, api: 'select, delete', admin: read, jobs: all },
  { tables: ['widget_sessions'], exporter: keep, api: 'select, delete', admin: read, jobs: all },
  { tables: ['widget_session_heads'], exporter: keep, api: 'select, update (ended_at), delete', admin: read, jobs: all },
  { tables: ['widget_visitors'], exporter: keep, api: 'select, update (last_seen_at), delete', admin: read, jobs: all },
  { tables: ['widget_daily_stats'], exporter: read, api: read, admin: read, jobs: all },
  { tables: ['widget_daily_visitors'], api: 'select, delete', admin: read, jobs: all },
  {
    tables: [
      'widget_open_stats',
      'widget_daily_dimensions',
      'widget_daily_event_names',
      'widget_event_session_gaps',
      'widget_visitor_gaps',
    ],
    api: read,
    admin: read,
    jobs: all,
  },

  { tables: ['widget_performance_minutes', 'widget_performance_buckets'], exporter: keep, api: read, admin: read, jobs: all },
  { tables: ['widget_performance_baselines'], exporter: read, api: keep, admin: keep, jobs: all },

  { tables: ['woocommerce_usage_metrics'], exporter: add, api: read, admin: read, jobs: 'select, delete' },
  { tables: ['woocommerce_usage_daily', 'woocommerce_usage_buckets'], exporter: keep, api: read, admin: read, jobs: 'select, delete' },
  { tables: ['woocommerce_store_status'], exporter: read, api: read, admin: read, jobs: all },

  // Sites of the operator, which are no organization's: the role of organization users has nothing here.
  { tables: ['marketing.visitors', 'marketing.sessions', 'marketing.lead_identities'], exporter: keep, admin: read, jobs: all },
  { tables: ['marketing.leads'], exporter: keep, admin: 'select, update (last_captured_at), delete', jobs: all },
  { tables: ['marketing.form_submissions'], exporter: keep, admin: 'select, update (payload)', jobs: all },
  {
    tables: ['marketing.events', 'marketing.web_traffic_logs', 'marketing.consent_events', 'marketing.ingest_rejections'],
    exporter: add,
    admin: read,
    jobs: all,
  },
  { tables: ['marketing.daily_metric_rollups', 'marketing.daily_ingest_rollups'], exporter: read, admin: read, jobs: all },
  { tables: ['marketing.daily_visitors', 'marketing.daily_visitor_gaps'], admin: read, jobs: all },
  { tables: ['marketing.metrics_daily_summary_mv'], admin: read },
];

/** Per table, every role's rights in words; '' for none. */
export const expectedRights: Readonly<Record<string, Record<RunTimeRole, string>>> = Object.fromEntries(
  rights.flatMap(({ tables, exporter = '', api = '', admin = '', jobs = '' }) =>
    tables.map((table) => [table, { exporter, api, admin, jobs }]),
  ),
);
