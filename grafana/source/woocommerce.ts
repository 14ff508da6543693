import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { errorTypes, operationGroups, type ErrorType } from '../../features/woocommerce/catalogue.ts';
import { labelVariable, makeDashboard, type Row } from './dashboard.ts';
import { alertStates, barGauge, type Column, heatmap, link, stat, table, timeseries, type UnplacedPanel } from './panels.ts';
import { organization, organizations, orgQuery, quantile, type Query, query, scraped } from './queries.ts';
import {
  above,
  type AlertThreshold,
  alertThresholds as alerts,
  at,
  below,
  budgetLeft,
  errorBudgets,
  noThresholds,
  stateWords,
} from './thresholds.ts';

/** Do shop operations work: is it us or their shop, which operation, which shop, since when; then one shop. */
export const woocommerce = (): Dashboard =>
  makeDashboard({
    uid: 'woocommerce',
    title: 'WooCommerce',
    description: 'Do shop operations work, and if not: is it us or their shop, which operation, which shop, since when? Then one shop.',
    runbook: 'woocommerce',
    variables: [
      labelVariable('org', 'Organization', `label_values(woocommerce_org_operations_total{${organizations}}, org)`, 'one'),
      labelVariable('store', 'Shop', `label_values(woocommerce_store_operations_total{${organization}, store!="other"}, store)`, 'one'),
    ],
    alerts: 'feature="woocommerce", severity!="info"',
    rows: [usOrTheirShop(), whichOperation(), whichShop(), sinceWhen(), oneOrganization(), oneShop()],
  });

/** What the overview shows of this feature. */
export const woocommerceAtAGlance = (): UnplacedPanel[] => [
  operationsNow(),
  failureShareNow(),
  organizationsFailing(),
  shopsDown(),
  slowestOperations(),
  leastBudgetLeft(),
  failuresByCause({ width: 12 }),
  burnOverOneHour({ width: 12 }),
];

/** Who can mend it. A page of failures that nobody here can mend is worth knowing before anything else. */
const causes = {
  theirShop: 'shop does not answer',
  setup: 'shop is set up wrongly',
  answeredNo: 'shop answered no',
  chatBackend: 'chat backend',
} as const;

const causeOf: Readonly<Record<ErrorType, keyof typeof causes>> = {
  UpstreamError: 'theirShop',
  Timeout: 'theirShop',
  ConfigurationError: 'setup',
  NotFound: 'answeredNo',
  OutOfStock: 'answeredNo',
  InvalidState: 'answeredNo',
  CouponInvalid: 'answeredNo',
  ValidationError: 'chatBackend',
  Unknown: 'chatBackend',
};

/** A query for each cause, from one for a matcher of its error types. */
const byCause = (queryOf: (matcher: string, legend: string) => Query): Query[] =>
  Object.entries(causes).map(([cause, words]) => {
    const types = errorTypes.filter((type) => causeOf[type] === cause);
    return queryOf(types.length === 1 ? `error_type="${types.join('')}"` : `error_type=~"${types.join('|')}"`, words);
  });

/** What the alert on failures judges: few operations say nothing. */
const enoughOperations = 'org:woocommerce_org_operations:increase15m{org!="__overflow__"} >= 10';
const failingShare = 'org:woocommerce_org_operation_failures:ratio_increase15m{org!="__overflow__"}';
const failingOrganizations = `count(${failingShare} > ${alerts.shopFailureRatioWarning.value} and ${enoughOperations}) or 0 * count(${failingShare})`;
const storesUp = `max by (org, store) (woocommerce_store_up{${organizations}})`;
const storesDown = `count(${storesUp} == 0) or 0 * count(${storesUp})`;

const usOrTheirShop = (): Row => ({
  title: 'Is it us, or their shop?',
  panels: [
    operationsNow(),
    failureShareNow(),
    organizationsFailing(),
    shopsDown(),
    slowestOperations(),
    leastBudgetLeft(),
    failuresByCause({ width: 12 }),
    timeseries({
      title: 'How many at once',
      description:
        'Organizations whose operations fail, and shops that do not answer. One: theirs, most of the time. Many at the same minute: the chat backend, or our way out to the shops.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.shopFailureRatioWarning, alerts.storeDown],
      min: 0,
      decimals: 0,
      width: 12,
      queries: [orgQuery(failingOrganizations, 'organizations that fail'), orgQuery(storesDown, 'shops that do not answer')],
    }),
    timeseries({
      title: 'Failures by error type',
      description: 'Failures per second. What each type means: docs/woocommerce-operations.md.',
      unit: 'ops',
      thresholds: noThresholds,
      alerts: [alerts.configurationErrors],
      stacked: true,
      min: 0,
      width: 12,
      queries: [query(`sum by (error_type) (rate(woocommerce_operation_errors_total{${scraped}}[$__rate_interval]))`, '{{error_type}}')],
    }),
    timeseries({
      title: 'Reports that our ingest did not store',
      description:
        "Our own part. Single operations by code: UnknownOperation and ValidationError are the sender's, ROW_REFUSED is ours. Whole requests: turned away by the exporter, whatever the reason. Nothing here changes what visitors see.",
      unit: 'ops',
      thresholds: noThresholds,
      alerts: [alerts.turnedAway],
      min: 0,
      width: 12,
      queries: [
        query(`sum by (code) (rate(woocommerce_operations_rejected_total{${scraped}}[$__rate_interval]))`, '{{code}}'),
        query(
          `sum(rate(observability_ingest_rejected_total{${scraped}, endpoint="woocommerce_operations"}[$__rate_interval]))`,
          'whole requests',
        ),
      ],
    }),
  ],
});

/** Operations of each class: the groups of the catalogue, as the recorded series has them. */
const inClasses = (selected: string): string =>
  `sum by (class) (sum by (operation) (increase(woocommerce_operations_total{${selected}}[30d])) * on (operation) group_left (class) operation:woocommerce_operations:class)`;
const budgetLeftOfClasses = `1 - ${inClasses(`${scraped}, outcome="failure"`)} / (${inClasses(scraped)} > 0) / ${errorBudgets.operations}`;

/** The windows of WooCommerceSloBurn, each with the factor from which it alerts when its short window agrees. */
const burnWindows = {
  '1h': alerts.shopBurnOver1Hour,
  '6h': alerts.shopBurnOver6Hours,
  '1d': alerts.shopBurnOver1Day,
  '3d': alerts.shopBurnOver3Days,
} as const satisfies Record<string, AlertThreshold>;

const burnOver = (window: keyof typeof burnWindows): string =>
  `class:woocommerce_operation_failures:ratio_increase${window} / ${errorBudgets.operations}`;

const classColumns: Column[] = [
  { field: 'class', title: 'Class' },
  { field: 'Value #A', title: 'Budget left', unit: 'percentunit', thresholds: budgetLeft },
  ...Object.entries(burnWindows).map(([window, alert], index): Column => ({
    field: `Value #${'BCDE'.charAt(index)}`,
    title: `Burn ${window}`,
    decimals: 1,
    thresholds: above(alert),
  })),
];

const operationColumns: Column[] = [
  { field: 'operation', title: 'Operation' },
  { field: 'Value #A', title: 'Failures', unit: 'none', decimals: 0 },
  { field: 'Value #B', title: 'Operations', unit: 'none', decimals: 0 },
  { field: 'Value #C', title: 'Failing', unit: 'percentunit', thresholds: above(at(errorBudgets.operations, alerts.shopBurnOver3Days)) },
  { field: 'Value #D', title: 'p95', unit: 's', thresholds: above(alerts.shopSlowSeconds) },
];

const operationsInRange = (selected: string): string =>
  `sum by (operation) (increase(woocommerce_operations_total{${selected}}[$__range]))`;

const whichOperation = (): Row => ({
  title: 'Which operation?',
  panels: [
    table({
      title: 'Error budgets by class',
      description: `Classes: ${operationGroups.join(', ')}. ${100 - errorBudgets.operations * 100} % of the operations of each succeed over 30 days. Burn: how many times faster than allowed, per window; 1 is just used up after 30 days. It alerts from ${Object.entries(
        burnWindows,
      )
        .map(([window, { value }]) => `${value} over ${window}`)
        .join(', ')}, when a shorter window agrees.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.shopBurnOver1Hour],
      width: 12,
      height: 9,
      noValue: 'no operations',
      columns: classColumns,
      sortBy: { title: 'Budget left', descending: false },
      queries: [
        query(budgetLeftOfClasses, 'left'),
        ...(Object.keys(burnWindows) as (keyof typeof burnWindows)[]).map((window) => query(burnOver(window), window)),
      ],
    }),
    burnOverOneHour({ width: 12, height: 9 }),
    table({
      title: 'Operations by name',
      description:
        'In the selected time, the worst first. One operation for many shops: a change of the chat backend. All operations: a shop, or the network.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.shopBurnOver3Days],
      width: 12,
      height: 12,
      noValue: 'no operations',
      columns: operationColumns,
      sortBy: { title: 'Failures', descending: true },
      queries: [
        query(`${operationsInRange(`${scraped}, outcome="failure"`)} and ${operationsInRange(scraped)} > 0`, 'failures'),
        query(`${operationsInRange(scraped)} > 0`, 'operations'),
        query(`${operationsInRange(`${scraped}, outcome="failure"`)} / (${operationsInRange(scraped)} > 0)`, 'failing'),
        query(quantile(0.95, 'woocommerce_operation_duration_seconds', { by: 'operation, le', range: '$__range' }), 'p95'),
      ],
    }),
    timeseries({
      title: 'Failures by operation',
      description: 'Failures per second. Since when, and is it one of them?',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 12,
      height: 12,
      queries: [
        query(`sum by (operation) (rate(woocommerce_operations_total{${scraped}, outcome="failure"}[$__rate_interval]))`, '{{operation}}'),
      ],
    }),
    heatmap({
      title: 'Duration of operations',
      description:
        'As chat backends report it, failures included. A second band far above the first is a second cause, often one slow shop.',
      unit: 's',
      thresholds: noThresholds,
      width: 12,
      queries: [query(`sum by (le) (increase(woocommerce_operation_duration_seconds_bucket{${scraped}}[$__rate_interval]))`, '{{le}}')],
    }),
    timeseries({
      title: 'Percentiles of the duration of operations',
      description: `Of all shops together. The line is where one organization alerts: a p95 of ${alerts.shopSlowSeconds.value} s over 15 minutes.`,
      unit: 's',
      thresholds: above(alerts.shopSlowSeconds),
      min: 0,
      width: 12,
      queries: [0.5, 0.95, 0.99].map((q) => query(quantile(q, 'woocommerce_operation_duration_seconds'), `p${q * 100}`)),
    }),
  ],
});

const toOrganization = link(
  'Show this organization',
  '/d/woocommerce?${__url_time_range}&${datasource:queryparam}&var-org=${__data.fields.Organization}',
);
const toShop = (organizationField: string, shopField: string): ReturnType<typeof link> =>
  link(
    'Show this shop',
    `/d/woocommerce?\${__url_time_range}&\${datasource:queryparam}&var-org=\${${organizationField}}&var-store=\${${shopField}}`,
  );

/** The worst 20 by failures in 15 minutes: what the table asks its other columns about. */
const worstOrganizations = 'topk(20, org:woocommerce_org_operation_failures:increase15m{org!="__overflow__"} > 0)';

const organizationColumns: Column[] = [
  { field: 'org', title: 'Organization', links: [toOrganization] },
  { field: 'Value #A', title: 'Failures', unit: 'none', decimals: 0 },
  { field: 'Value #B', title: 'Operations', unit: 'none', decimals: 0 },
  {
    field: 'Value #C',
    title: 'Failing',
    unit: 'percentunit',
    thresholds: above(alerts.shopFailureRatioWarning, alerts.shopFailureRatioError),
  },
  { field: 'Value #D', title: 'Set-up', unit: 'none', decimals: 0, thresholds: above(at(1, alerts.configurationErrors)) },
  { field: 'Value #E', title: 'p95', unit: 's', thresholds: above(alerts.shopSlowSeconds) },
];

/** Down first, then by response time. A response is shorter than its time limit of 10 s. */
const worstShops = `topk(20, max by (org, store) (woocommerce_store_response_seconds{${organizations}}) + 100 * (1 - ${storesUp}))`;

const shopColumns: Column[] = [
  { field: 'org', title: 'Organization', links: [toOrganization] },
  { field: 'store', title: 'Shop', links: [toShop('__data.fields.Organization', '__data.fields.Shop')] },
  { field: 'Value #A', title: 'Answers', width: 80, words: stateWords },
  { field: 'Value #B', title: 'Response', unit: 's', width: 90, thresholds: above(alerts.storeSlowSeconds) },
  { field: 'Value #C', title: 'Checked', unit: 's', width: 90 },
  { field: 'Value #D', title: 'Figures read', unit: 's', width: 110, thresholds: above(alerts.figuresAgeSeconds) },
];

const whichShop = (): Row => ({
  title: 'Which shop?',
  panels: [
    table({
      title: 'Organizations with failures in the last 15 minutes',
      description: 'The worst 20, with the figures that the alerts judge, from 10 operations on. Set-up: failures with ConfigurationError.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.shopFailureRatioWarning, alerts.configurationErrors, alerts.shopSlowSeconds],
      width: 11,
      noValue: 'none',
      columns: organizationColumns,
      sortBy: { title: 'Failures', descending: true },
      queries: [
        orgQuery(worstOrganizations, 'failures'),
        orgQuery(`org:woocommerce_org_operations:increase15m{org!="__overflow__"} and on (org) ${worstOrganizations}`, 'operations'),
        orgQuery(`${failingShare} and on (org) ${worstOrganizations}`, 'failing'),
        orgQuery(
          `sum by (org) (increase(woocommerce_org_operation_errors_total{${organizations}, error_type="ConfigurationError"}[15m])) and on (org) ${worstOrganizations}`,
          'wrongly set up',
        ),
        orgQuery(`org:woocommerce_org_operation_duration_seconds:p95_15m{org!="__overflow__"} and on (org) ${worstOrganizations}`, 'p95'),
      ],
    }),
    table({
      title: 'Shops as last checked',
      description: 'The worst 20: those that do not answer, then the slowest. Checked and read: how long ago.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.storeDown, alerts.storeSlowSeconds, alerts.figuresAgeSeconds],
      width: 13,
      noValue: 'none',
      columns: shopColumns,
      sortBy: { title: 'Answers', descending: false },
      queries: [
        orgQuery(`${storesUp} and on (org, store) ${worstShops}`, 'answers'),
        orgQuery(
          `max by (org, store) (woocommerce_store_response_seconds{${organizations}}) and on (org, store) ${worstShops}`,
          'response',
        ),
        orgQuery(
          `time() - max by (org, store) (woocommerce_store_check_timestamp_seconds{${organizations}}) and on (org, store) ${worstShops}`,
          'checked',
        ),
        orgQuery(
          `time() - max by (org, store) (woocommerce_store_kpis_timestamp_seconds{${organizations}}) and on (org, store) ${worstShops}`,
          'figures read',
        ),
      ],
    }),
    topShops('Most failures', 'Whose operations fail most.', ', outcome="failure"'),
    topShops('Most operations', 'Who brings the traffic.', ''),
    barGauge({
      title: 'Slowest organizations (p95)',
      description: 'In the selected time; click one to see it below.',
      unit: 's',
      thresholds: above(alerts.shopSlowSeconds),
      min: 0,
      width: 8,
      dataLinks: [
        link('Show this organization', '/d/woocommerce?${__url_time_range}&${datasource:queryparam}&var-org=${__field.labels.org}'),
      ],
      queries: [
        orgQuery(
          `topk(10, histogram_quantile(0.95, sum by (org, le) (increase(woocommerce_org_operation_duration_seconds_bucket{${organizations}}[$__range]))) >= 0)`,
          '{{org}}',
        ),
      ],
    }),
  ],
});

function topShops(title: string, description: string, outcome: string): UnplacedPanel {
  return barGauge({
    title,
    description: `${description} Shops that nobody has configured are left out. In the selected time; click one to see it below.`,
    unit: 'none',
    thresholds: noThresholds,
    decimals: 0,
    min: 0,
    width: 8,
    noValue: 'none',
    dataLinks: [toShop('__field.labels.org', '__field.labels.store')],
    queries: [
      orgQuery(
        `topk(10, sum by (org, store) (increase(woocommerce_store_operations_total{${organizations}, store!="other"${outcome}}[$__range])) > 0)`,
        '{{store}}',
      ),
    ],
  });
}

const sinceWhen = (): Row => ({
  title: 'Since when?',
  panels: [
    alertStates({
      title: 'Alerts over time',
      description:
        'Which came first? Info included: a shop that is slow, or nearly sold out of something. Compare with the deployments of the chat backend.',
      width: 14,
      queries: [query('max by (alertname, org) (ALERTS{alertstate="firing", feature="woocommerce"})', '{{alertname}} {{org}}')],
    }),
    timeseries({
      title: 'Operations by outcome',
      description: 'Fewer operations without more failures: chat backends do not report, or nobody asks.',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 10,
      queries: [query(`sum by (outcome) (rate(woocommerce_operations_total{${scraped}}[$__rate_interval]))`, '{{outcome}}')],
    }),
  ],
});

const orgSum = (metric: string, matchers: string, range: string): string =>
  `sum by (org) (increase(${metric}{${organization}${matchers}}[${range}]))`;

const oneOrganization = (): Row => ({
  title: 'One organization: $org',
  panels: [
    stat({
      title: 'Failing now',
      description: 'Share of its operations of the last 15 minutes that failed, as the alert judges it from 10 operations on.',
      unit: 'percentunit',
      thresholds: above(alerts.shopFailureRatioWarning, alerts.shopFailureRatioError),
      noValue: 'no operations',
      width: 6,
      queries: [orgQuery('org:woocommerce_org_operation_failures:ratio_increase15m{org!="__overflow__", org="$org"}', 'failing')],
    }),
    stat({
      title: 'Operations in this time',
      description: 'Of all shops of the organization, those included that are not configured.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      width: 6,
      queries: [orgQuery(orgSum('woocommerce_org_operations_total', '', '$__range'), 'operations')],
    }),
    stat({
      title: 'Wrongly set up',
      description:
        'Failures with ConfigurationError in the last 15 minutes: no shop is configured for the domain, or it refuses the credentials.',
      unit: 'short',
      thresholds: above(at(1, alerts.configurationErrors)),
      decimals: 0,
      width: 6,
      queries: [orgQuery(orgSum('woocommerce_org_operation_errors_total', ', error_type="ConfigurationError"', '15m'), 'failures')],
    }),
    stat({
      title: 'Duration now (p95)',
      description: 'One operation in 20 of the last 15 minutes took longer, as the alert judges it from 10 operations on.',
      unit: 's',
      thresholds: above(alerts.shopSlowSeconds),
      noValue: 'no operations',
      width: 6,
      queries: [orgQuery('org:woocommerce_org_operation_duration_seconds:p95_15m{org!="__overflow__", org="$org"}', 'p95')],
    }),
    timeseries({
      title: 'Failures of $org by cause',
      description: 'Failures per second, by who can mend them. All shops of the organization.',
      unit: 'ops',
      thresholds: noThresholds,
      alerts: [alerts.shopFailureRatioWarning],
      stacked: true,
      min: 0,
      width: 8,
      queries: byCause((matcher, legend) =>
        orgQuery(`sum by (org) (rate(woocommerce_org_operation_errors_total{${organization}, ${matcher}}[$__rate_interval]))`, legend),
      ),
    }),
    timeseries({
      title: 'Failures of $org by shop',
      description: 'Failures per second. "other": shops that nobody has configured, which are told from each other in the portal only.',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        orgQuery(
          `sum by (store) (rate(woocommerce_store_operations_total{${organization}, outcome="failure"}[$__rate_interval]))`,
          '{{store}}',
        ),
      ],
    }),
    timeseries({
      title: 'Duration against a week ago',
      description: `p95 of $org over an hour, and the same hour a week ago. It alerts at ${alerts.shopSlowerThanLastWeek.value} times as much, from 50 operations in both hours on.`,
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.shopSlowerThanLastWeek, alerts.shopSlowSeconds],
      min: 0,
      width: 8,
      queries: [
        orgQuery('org:woocommerce_org_operation_duration_seconds:p95_1h{org!="__overflow__", org="$org"}', 'this hour'),
        orgQuery('org:woocommerce_org_operation_duration_seconds:p95_1h{org!="__overflow__", org="$org"} offset 7d', 'a week ago'),
      ],
    }),
  ],
});

const shop = `${organization}, store="$store"`;
const shopValue = (metric: string, by = 'org, store'): string => `max by (${by}) (${metric}{${shop}})`;
const ofStatus = (status: string): string => `max by (org, store) (woocommerce_store_orders{${shop}, status="${status}"})`;
const allOrders = `sum by (org, store) (max by (org, store, status) (woocommerce_store_orders{${shop}}))`;

const oneShop = (): Row => ({
  title: 'One shop: $store',
  panels: [
    stat({
      title: 'Answers',
      description: 'Whether its last check was healthy. Checked every 5 minutes; less often after three failures.',
      unit: 'short',
      thresholds: below(at(1, alerts.storeDown)),
      words: stateWords,
      colorBackground: true,
      noValue: 'not checked',
      width: 4,
      queries: [orgQuery(shopValue('woocommerce_store_up'), 'answers')],
    }),
    stat({
      title: 'Response time',
      description: 'Of its last check.',
      unit: 's',
      thresholds: above(alerts.storeSlowSeconds),
      noValue: 'not checked',
      width: 4,
      queries: [orgQuery(shopValue('woocommerce_store_response_seconds'), 'response')],
    }),
    stat({
      title: 'Last check',
      description: 'Time since its last check.',
      unit: 's',
      thresholds: noThresholds,
      noValue: 'never',
      width: 4,
      queries: [orgQuery(`time() - ${shopValue('woocommerce_store_check_timestamp_seconds')}`, 'last check')],
    }),
    stat({
      title: 'Figures read',
      description: 'Time since the figures on the right and below were read from the shop: every 15 minutes while it answers.',
      unit: 's',
      thresholds: above(alerts.figuresAgeSeconds),
      noValue: 'never',
      width: 4,
      queries: [orgQuery(`time() - ${shopValue('woocommerce_store_kpis_timestamp_seconds')}`, 'read')],
    }),
    stat({
      title: 'Orders today',
      description: 'Completed and processing orders that were created this UTC day.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      noValue: 'not read',
      width: 4,
      queries: [orgQuery(shopValue('woocommerce_store_orders_today'), 'orders')],
    }),
    stat({
      title: 'Conversion',
      description: 'Completed orders of all orders, as they are now.',
      unit: 'percentunit',
      thresholds: noThresholds,
      noValue: 'no orders',
      width: 4,
      queries: [orgQuery(`${ofStatus('completed')} / (${allOrders} > 0)`, 'completed')],
    }),
    stat({
      title: 'Revenue today',
      description: 'Total of the completed and processing orders created this UTC day, in the currency of the shop.',
      unit: 'none',
      thresholds: noThresholds,
      decimals: 2,
      noValue: 'not read',
      width: 4,
      queries: [orgQuery(shopValue('woocommerce_store_revenue_today', 'org, store, currency'), '{{currency}}')],
    }),
    stat({
      title: 'Revenue yesterday',
      description: 'The same of the UTC day before.',
      unit: 'none',
      thresholds: noThresholds,
      decimals: 2,
      noValue: 'not read',
      width: 4,
      queries: [orgQuery(shopValue('woocommerce_store_revenue_yesterday', 'org, store, currency'), '{{currency}}')],
    }),
    stat({
      title: 'Nearly sold out',
      description: 'Managed products with at most two pieces left.',
      unit: 'short',
      thresholds: above(at(1, alerts.lowStock)),
      decimals: 0,
      noValue: 'not read',
      width: 4,
      queries: [orgQuery(`max by (org, store) (woocommerce_store_low_stock_products{${shop}, urgency="critical"})`, 'critical')],
    }),
    stat({
      title: 'Low on stock',
      description: 'Managed products that will be nearly sold out next, up to WOOCOMMERCE_LOW_STOCK_THRESHOLD pieces.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      noValue: 'not read',
      width: 4,
      queries: [orgQuery(`max by (org, store) (woocommerce_store_low_stock_products{${shop}, urgency="warning"})`, 'warning')],
    }),
    stat({
      title: 'Abandoned orders',
      description: 'Begun and not paid for more than an hour, at most 30 days old.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      noValue: 'not read',
      width: 4,
      queries: [orgQuery(`sum by (org, store) (max by (org, store, priority) (woocommerce_store_abandoned_orders{${shop}}))`, 'orders')],
    }),
    stat({
      title: 'Value of abandoned orders',
      description: 'In the currency of the shop.',
      unit: 'none',
      thresholds: noThresholds,
      decimals: 2,
      noValue: 'not read',
      width: 4,
      queries: [
        orgQuery(
          `sum by (org, store, currency) (max by (org, store, priority, currency) (woocommerce_store_abandoned_value{${shop}}))`,
          '{{currency}}',
        ),
      ],
    }),
    barGauge({
      title: 'Orders by status',
      description: 'All orders of the shop, as they are now.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      min: 0,
      width: 8,
      queries: [orgQuery(shopValue('woocommerce_store_orders', 'status'), '{{status}}')],
    }),
    barGauge({
      title: 'Abandoned orders by priority',
      description: 'high: more than 100 and younger than a day. medium: more than 50, or younger than two days. low: all others.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      min: 0,
      width: 8,
      queries: [orgQuery(shopValue('woocommerce_store_abandoned_orders', 'priority'), '{{priority}}')],
    }),
    timeseries({
      title: 'Revenue of $store',
      description: 'Today grows until midnight UTC, when it becomes yesterday.',
      unit: 'none',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [
        orgQuery(shopValue('woocommerce_store_revenue_today', 'org, store, currency'), 'today, {{currency}}'),
        orgQuery(shopValue('woocommerce_store_revenue_yesterday', 'org, store, currency'), 'yesterday, {{currency}}'),
      ],
    }),
    timeseries({
      title: 'Operations of $store by outcome',
      description: 'What chat backends do in this shop, per second.',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 12,
      queries: [orgQuery(`sum by (outcome) (rate(woocommerce_store_operations_total{${shop}}[$__rate_interval]))`, '{{outcome}}')],
    }),
    timeseries({
      title: 'Response time of $store',
      description: 'Of its checks, which ask for the status of the shop. Is it slow without us?',
      unit: 's',
      thresholds: above(alerts.storeSlowSeconds),
      min: 0,
      width: 12,
      queries: [orgQuery(shopValue('woocommerce_store_response_seconds', 'store'), '{{store}}')],
    }),
    alertStates({
      title: 'Alerts of $org and $store over time',
      description: 'Those of this shop, and of its organization. Empty is good.',
      width: 24,
      height: 6,
      queries: [
        query('max by (alertname) (ALERTS{alertstate="firing", feature="woocommerce", org="$org", store=~"|$store"})', '{{alertname}}'),
      ],
    }),
  ],
});

function operationsNow(): UnplacedPanel {
  return stat({
    title: 'Operations',
    description: 'WooCommerce operations stored per second, all shops.',
    unit: 'ops',
    thresholds: noThresholds,
    width: 4,
    queries: [query(`sum(rate(woocommerce_operations_total{${scraped}}[$__rate_interval]))`, 'operations')],
  });
}

function failureShareNow(): UnplacedPanel {
  const operations = `sum(increase(woocommerce_operations_total{${scraped}}[15m]))`;
  const failures = `sum(increase(woocommerce_operations_total{${scraped}, outcome="failure"}[15m]))`;
  return stat({
    title: 'Failing operations, 15 minutes',
    description: `Of all shops together. The objective allows ${errorBudgets.operations * 100} % over 30 days.`,
    unit: 'percentunit',
    thresholds: above(at(errorBudgets.operations, alerts.shopBurnOver3Days)),
    noValue: 'no operations',
    width: 4,
    queries: [query(`${failures} / (${operations} > 0)`, 'failing')],
  });
}

function organizationsFailing(): UnplacedPanel {
  return stat({
    title: 'Organizations whose shops fail',
    description: 'More than 20 % of 10 or more operations in 15 minutes. One: their shop, most of the time. Many: us.',
    unit: 'short',
    thresholds: above(at(1, alerts.shopFailureRatioWarning)),
    decimals: 0,
    noValue: 'no operations',
    width: 4,
    queries: [orgQuery(failingOrganizations, 'organizations')],
  });
}

function shopsDown(): UnplacedPanel {
  return stat({
    title: 'Shops that do not answer',
    description: 'By their last check. Many: our way out.',
    unit: 'short',
    thresholds: above(at(1, alerts.storeDown)),
    decimals: 0,
    noValue: 'none checked',
    width: 4,
    queries: [orgQuery(storesDown, 'shops')],
  });
}

function slowestOperations(): UnplacedPanel {
  return stat({
    title: 'Operation duration (p95)',
    description: `19 of 20 operations of all shops are faster. One organization alerts from ${alerts.shopSlowSeconds.value} s on.`,
    unit: 's',
    thresholds: above(alerts.shopSlowSeconds),
    noValue: 'no operations',
    width: 4,
    queries: [query(quantile(0.95, 'woocommerce_operation_duration_seconds'), 'p95')],
  });
}

function leastBudgetLeft(): UnplacedPanel {
  return stat({
    title: 'Least budget left, 30 days',
    description: `Of the class of operations that has least. The objective: ${100 - errorBudgets.operations * 100} % succeed in each class. 100 % is untouched, 0 % is used up, below is missed. Over 30 days, or what Prometheus has kept of them.`,
    unit: 'percentunit',
    thresholds: budgetLeft,
    alerts: [alerts.shopBurnOver1Hour],
    noValue: 'no operations',
    width: 4,
    queries: [query(`min(${budgetLeftOfClasses})`, 'left')],
  });
}

function failuresByCause({ width }: { width: number }): UnplacedPanel {
  return timeseries({
    title: 'Failures by cause',
    description:
      'Failed operations per second, by who can mend them. Does not answer: UpstreamError, Timeout; theirs. Set up wrongly: ConfigurationError; theirs or ours. Answered no: NotFound, OutOfStock, InvalidState, CouponInvalid; visitors do this. Chat backend: ValidationError, Unknown; ours.',
    unit: 'ops',
    thresholds: noThresholds,
    alerts: [alerts.shopFailureRatioWarning],
    stacked: true,
    min: 0,
    width,
    queries: byCause((matcher, legend) =>
      query(`sum(rate(woocommerce_operation_errors_total{${scraped}, ${matcher}}[$__rate_interval]))`, legend),
    ),
  });
}

function burnOverOneHour({ width, height = 8 }: { width: number; height?: number }): UnplacedPanel {
  return timeseries({
    title: 'Burn rate of the shop budgets, 1 h',
    description: `How many times faster than allowed failures use up the budget of 30 days (${errorBudgets.operations * 100} % of operations), by class. 1 is just used up after 30 days; at ${alerts.shopBurnOver1Hour.value} it is gone in two, and alerts when the last 5 minutes agree.`,
    unit: 'short',
    thresholds: above(alerts.shopBurnOver1Hour),
    min: 0,
    width,
    height,
    queries: [query(burnOver('1h'), '{{class}}')],
  });
}
