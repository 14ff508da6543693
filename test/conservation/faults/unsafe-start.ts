import type { DurableDatabase } from '../../support/durable-database.ts';
import { servicePorts, startServiceProcess } from '../../support/service-process.ts';
import { scrape } from '../../support/services.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { recoveryWithinMs, type Fault } from '../fault.ts';

const unsafe = [
  'alter table widget_visitors disable row level security',
  // In files of the server, and read by it a moment after.
  'alter system set fsync = off',
  'select pg_reload_conf()',
];
const safe = ['alter table widget_visitors enable row level security', 'alter system reset fsync', 'select pg_reload_conf()'];

/** As whom an exporter is started, and what it must say before it ends. */
const starts: readonly { role: Parameters<DurableDatabase['url']>[0]; says: string[] }[] = [
  {
    role: 'observability_exporter',
    says: ['with fsync off it may lose what it confirmed', 'row-level security is off on widget_visitors'],
  },
  { role: 'observability_owner', says: ['the role observability_owner is the owner of the tables'] },
  { role: 'superuser', says: ['the role postgres is past row-level security'] },
];

/** Beside the exporter that is under load: what it does to the database lasts for moments. */
export const unsafeStart: Fault = {
  id: 'F18',
  title: 'exporters are started on a server that loses what it confirmed, without row-level security, as owner and as superuser',
  dose: { short: 1, nightly: 1 },
  inflict: async ({ database, exporter, load }) => {
    // One that has just lost its database looks whether it may go on with it, and would rightly end.
    await waitUntil(async () => (await scrape(exporter.process().metricsUrl)).value('observability_db_up{service="exporter"}') === 1, {
      within: recoveryWithinMs,
      what: 'a probe of the database after the fault before this one',
    });
    try {
      for (const statement of unsafe) await database.query(statement);
      await waitUntil(async () => (await setting(database, 'fsync')) === 'off', { within: recoveryWithinMs, what: 'fsync off' });
      await Promise.all(starts.map((start) => mustRefuse(database, start)));
    } finally {
      for (const statement of safe) await database.query(statement);
    }
    await load.recovered();
  },
};

async function setting(database: DurableDatabase, name: string): Promise<string | undefined> {
  const [row] = await database.query<{ setting: string }>('select current_setting($1) as setting', [name]);
  return row?.setting;
}

async function mustRefuse(database: DurableDatabase, { role, says }: (typeof starts)[number]): Promise<void> {
  const service = startServiceProcess('exporter', {
    database,
    ports: await servicePorts(),
    environment: { DATABASE_URL_EXPORTER: database.url(role), ALLOW_LOSSY_DATABASE: 'false' },
    mayEnd: true,
  });
  try {
    await waitUntil(() => !service.isRunning(), { within: recoveryWithinMs, what: `the end of an exporter that was started as ${role}` });
    const ended = await service.ended;
    if (ended !== 'exit code 1') throw new Error(`an exporter that must not start, as ${role}, ended with ${ended}`);
    const unsaid = says.filter((what) => !service.written().includes(what));
    if (unsaid.length > 0) throw new Error(`an exporter ended without saying "${unsaid.join('", "')}":\n${service.written()}`);
  } finally {
    await service.stop();
  }
}
