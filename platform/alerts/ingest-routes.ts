import { z } from 'zod';
import { webhook } from '../auth/identities.ts';
import { serverBody } from '../http/body.ts';
import type { ExporterDeps, ExporterSlice } from '../http/exporter-slice.ts';
import { route, type Answer } from '../http/route.ts';
import type { Directory } from '../directory/directory.ts';
import { alertmanagerWebhook, parseDeliveredAlert, type DeliveredAlert } from './events.ts';
import { storeAlerts, type AlertToStore } from './ingest.ts';

const alertsStored = z
  .object({
    success: z.literal(true),
    stored: z.int().min(0).meta({ description: 'Alerts written, new or changed.' }),
    failed: z.int().min(0).meta({ description: 'Alerts that were malformed or refused by the database; the others are stored.' }),
  })
  .meta({ id: 'AlertsStored', examples: [{ success: true, stored: 3, failed: 0 }] });

/** POST /ingest/alertmanager: Alertmanager's deliveries become rows of the alerts table. 2xx or 503, never 429: it retries 5xx only. */
export function alertsIngest(deps: ExporterDeps): ExporterSlice {
  const endpoint = deps.ingest.endpoint('alertmanager');
  return {
    routes: [
      route({
        method: 'POST',
        path: '/ingest/alertmanager',
        operationId: 'deliverAlerts',
        tag: 'alerts',
        summary: "Alertmanager's webhook, version 4",
        identity: webhook(deps.config.ALERTMANAGER_WEBHOOK_TOKEN),
        cors: 'none',
        body: { rule: serverBody, schema: alertmanagerWebhook },
        responses: { 200: alertsStored },
        errors: ['INGEST_OVERLOADED', 'DATABASE_UNAVAILABLE'],
        ingest: endpoint,
        handler: async ({ body }): Promise<Answer> => {
          const delivered = body.alerts.map(parseDeliveredAlert);
          const alerts = await Promise.all(
            delivered
              .filter((alert) => alert !== undefined)
              .map(async (alert) => withDetails(deps, await withOrganization(deps.directory, alert))),
          );
          const { stored, ignored, failed } = await storeAlerts(deps.pool, alerts, deps.now());
          const malformed = delivered.length - alerts.length;
          endpoint.rows('stored', stored);
          endpoint.rows('ignored', ignored);
          endpoint.rows('refused', failed + malformed);
          return { status: 200, body: { success: true, stored, failed: failed + malformed } };
        },
      }),
    ],
  };
}

/** An alert of an organization that is unknown here is kept, as one of nobody. */
async function withOrganization(directory: Directory, alert: DeliveredAlert): Promise<AlertToStore> {
  const organization = alert.orgKey === undefined ? undefined : await directory.organizationByKey(alert.orgKey);
  return { ...alert, orgId: organization?.id ?? null };
}

/** An alert is stored without them rather than not at all. */
async function withDetails({ alertDetails, pool, now, log }: ExporterDeps, alert: AlertToStore): Promise<AlertToStore> {
  const read = alertDetails.get(alert.alertname);
  if (read === undefined || alert.status !== 'firing' || alert.orgId === null) return alert;
  try {
    return { ...alert, metadata: { ...alert.metadata, ...(await read(pool, { orgId: alert.orgId, at: now() })) } };
  } catch (error) {
    log.warn({ error, alertname: alert.alertname }, 'the details of an alert could not be read; it is stored without them');
    return alert;
  }
}
