import pg from 'pg';
import { oneOf } from './chance.ts';
import type { DemoOrganization } from './demo-data.ts';
import { demoRequests, type DemoRequestsOptions } from './demo-requests.ts';
import { pause } from './pause.ts';

export interface DemoTraffic {
  /** Resolves when the last request is answered. */
  stop(): Promise<void>;
}

export interface DemoTrafficOptions extends DemoRequestsOptions {
  /** As observability_jobs. */
  databaseUrl: string;
}

/** One request at a time and this pause after each: about three a second, far below every rate limit. */
const pauseMs = 300;
/** Longer than the 60 s for which the exporter remembers an organization, or it would never see the change. */
const themeChangesEveryMs = 150_000;

/**
 * Keeps real requests coming to the exporter: widgets load where they may and where they may not, trusted servers report
 * how long messages took. The organization that fails has a primary colour every few minutes which the exporter refuses to
 * put into a customer's page; the loads in between succeed.
 * A refusal (429, 503) or no answer is said once and changes nothing: the next request comes all the same.
 */
export function startDemoTraffic(organizations: DemoOrganization[], options: DemoTrafficOptions): DemoTraffic {
  const { databaseUrl } = options;
  const ending = new AbortController();
  const send = demoRequests(options);

  const loadWidget = (organization: DemoOrganization): Promise<unknown> =>
    send('/api/bootloader', { headers: { origin: oneOf(organization.visitedFrom), 'x-site-id': organization.siteId } });

  const reportMessages = (organization: DemoOrganization): Promise<unknown> =>
    send('/ingest/widget/messages', {
      method: 'POST',
      headers: { authorization: `Bearer ${organization.ingestKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        batchId: crypto.randomUUID(),
        messages: Array.from({ length: 1 + Math.floor(Math.random() * 5) }, () => ({
          duration_ms: messageDurationMs(),
          role: Math.random() < 0.5 ? 'user' : 'assistant',
        })),
      }),
    });

  const traffic = (async () => {
    // By key, which the exporter remembers apart from the site id: so the failing organization has loaded once, and the
    // theme that breaks next is seen at once.
    for (const { key, origin } of organizations) await send('/api/bootloader', { headers: { origin, 'x-org-key': key } });
    const themes = startThemeChanges(
      databaseUrl,
      organizations.filter(({ breaksItsTheme }) => breaksItsTheme),
      ending.signal,
    );
    while (!ending.signal.aborted && organizations.length > 0) {
      for (const organization of organizations) {
        if (ending.signal.aborted) break;
        await pause(pauseMs, ending.signal);
        await loadWidget(organization);
        if (Math.random() < 0.3) await reportMessages(organization);
      }
    }
    await themes;
  })();

  return {
    async stop() {
      ending.abort();
      await traffic;
    },
  };
}

/** Somebody keeps putting something into the theme that is not a colour, and somebody keeps repairing it. */
async function startThemeChanges(databaseUrl: string, organizations: DemoOrganization[], signal: AbortSignal): Promise<void> {
  const colours = ['red; } body { display: none', '#0F5C5C'];
  for (let turn = 0; !signal.aborted && organizations.length > 0; turn += 1) {
    const client = new pg.Client({ connectionString: databaseUrl });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('update organizations set primary_color = $1, config_updated_at = now() where organizations.key = any($2)', [
        colours[turn % 2],
        organizations.map(({ key }) => key),
      ]);
    } catch {
      // The database is away, perhaps stopped to see what happens then: next time.
    } finally {
      await client.end().catch(() => undefined);
    }
    await pause(themeChangesEveryMs, signal);
  }
}

/** Mostly a few hundred milliseconds, sometimes seconds: as answers of a chat backend are. */
function messageDurationMs(): number {
  return Math.round(Math.exp(5 + Math.random() * 2) + (Math.random() < 0.03 ? 3000 : 0));
}
