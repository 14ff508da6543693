import type { DemoOrganization } from './demo-data.ts';
import type { DemoPage } from './demo-page.ts';
import type { Stack } from './stack.ts';
import { addDays, systemClock, utcDayOf } from '../platform/time/utc-day.ts';
import { signToken } from './tokens.ts';
import { widgetSnippet } from './widget-snippet.ts';

const monitoringPackages = {
  prometheus: 'apt-get install prometheus, or https://prometheus.io/download/',
  alertmanager: 'apt-get install prometheus-alertmanager, or https://prometheus.io/download/',
};

/** What runs where. */
export function stackSummary(stack: Stack): string {
  const { ports, monitoring } = stack;
  const at = (port: number, path = ''): string => `http://127.0.0.1:${port}${path}`;
  const monitoringAt = (name: 'prometheus' | 'alertmanager'): string => {
    const program = monitoring[name];
    return program ? `${at(ports[name])}  (${program})` : `not on PATH: ${monitoringPackages[name]}`;
  };
  const rows = [
    ['API (read side)', at(ports.api)],
    ['API documentation', at(ports.api, '/docs')],
    ['exporter (write side)', at(ports.exporter)],
    ['metrics of exporter', at(ports.exporterMetrics, '/metrics')],
    ['metrics by organization', at(ports.exporterMetrics, '/metrics/orgs')],
    ['metrics of api', at(ports.apiMetrics, '/metrics')],
    ['metrics of jobs', at(ports.jobsMetrics, '/metrics')],
    ['Prometheus', monitoringAt('prometheus')],
    ['Alertmanager', monitoringAt('alertmanager')],
    ['PostgreSQL', stack.postgres.superuserUrl('observability')],
    ['secrets', stack.secretsFile],
    ['logs', `${stack.logDirectory}  (shown here: each message once)`],
  ];
  return `\n${table(rows)}\n`;
}

/** Who the demo organizations are, and commands that can be pasted into a shell. */
export async function demoSummary(
  stack: Stack,
  { organizations, page }: { organizations: DemoOrganization[]; page: DemoPage },
): Promise<string> {
  const [demo] = organizations;
  if (!demo) return '';
  const { ports, secrets } = stack;
  const today = utcDayOf(systemClock());
  const exporter = `http://127.0.0.1:${ports.exporter}`;
  const api = `http://127.0.0.1:${ports.api}`;
  const analytics = `${api}/api/analytics/widget/${demo.chatbotId}`;
  const member = await signToken(secrets.AUTH_JWT_SECRET, {
    sub: 'demo-member',
    role: 'member',
    org: demo.key,
    email: 'member@demo.example',
  });
  const admin = await signToken(secrets.AUTH_JWT_SECRET, { sub: 'demo-admin', role: 'admin', email: 'admin@operator.example' });
  const commands = [
    ['a widget loads', `curl -s -H 'Origin: ${demo.origin}' '${exporter}/api/bootloader?siteId=${demo.siteId}'`],
    [
      'a trusted server reports how long messages took',
      `curl -s -H 'Authorization: Bearer ${demo.ingestKey}' -H 'Content-Type: application/json' ` +
        `-d '{"messages":[{"duration_ms":420,"role":"assistant"}]}' ${exporter}/ingest/widget/messages`,
    ],
    [`the portal of ${demo.key} asks how its widget is`, `curl -s -H 'Authorization: Bearer ${member}' ${api}/portal/widget/health`],
    [
      'an administrator asks about all organizations',
      `curl -s -H 'Authorization: Bearer ${admin}' ${api}/internal/metrics/widget-health-summary`,
    ],
    [`what visitors did in its widget this week`, `curl -s -H 'Authorization: Bearer ${member}' '${analytics}/summary?days=7'`],
    [
      'how many of them opened it and sent a message',
      `curl -s -H 'Authorization: Bearer ${member}' '${analytics}/funnel?steps=widget_loaded,widget_opened,message_sent&days=7'`,
    ],
    [
      'how its widget feels in browsers: health score, statistics, alerts',
      `curl -s -H 'Authorization: Bearer ${member}' ${api}/api/monitoring/widget`,
    ],
    [`how the operations on its shop went`, `curl -s -H 'Authorization: Bearer ${member}' '${api}/api/woocommerce/analytics?limit=3'`],
    ['whether its shop answers now', `curl -s -H 'Authorization: Bearer ${member}' ${api}/api/woocommerce/health`],
    [
      'what a week of visitors did on the marketing sites, compared with the week before (propertyId=www is one of them)',
      `curl -s -H 'x-admin-key: ${secrets.ADMIN_API_KEY}' '${api}/v1/metrics/summary?from=${addDays(today, -6)}&to=${today}&compareTo=true'`,
    ],
    ['Prometheus asks about each organization', `curl -s http://127.0.0.1:${ports.exporterMetrics}/metrics/orgs`],
  ];
  return [
    table([
      ['organization', 'what it shows', 'site id', 'chatbot', 'ingest key'],
      ...organizations.map((organization) => [
        organization.key,
        organization.shows,
        organization.siteId,
        organization.chatbotId,
        organization.ingestKey,
      ]),
    ]),
    '',
    table([
      [`token of a member of ${demo.key}`, member],
      ['token of an administrator', admin],
      ['admin key (x-admin-key)', secrets.ADMIN_API_KEY],
    ]),
    '',
    `# a page with the widget of ${demo.key}: open it in a browser`,
    `${page.urlOf({ exporterUrl: exporter, ...demo })}\n`,
    '# and what such a page embeds; sdk/browser/README.md explains it',
    `${await demoSnippet(exporter, demo)}\n`,
    ...commands.flatMap(([what, command]) => [`# ${what}`, `${command}\n`]),
  ].join('\n');
}

async function demoSnippet(exporterUrl: string, { siteId, chatbotId }: DemoOrganization): Promise<string> {
  const response = await fetch(`${exporterUrl}/sdk/v1/widget.js`);
  if (!response.ok) throw new Error(`${exporterUrl} answers ${response.status} for the script of the widget: npm run generate makes it`);
  return widgetSnippet({ script: Buffer.from(await response.arrayBuffer()), exporterUrl, siteId, chatbotId });
}

function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
