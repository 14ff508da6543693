import { setTimeout as delay } from 'node:timers/promises';
import { createChatbot } from '../../jobs/provisioning.ts';
import { signToken } from '../support/environment.ts';
import { format, table, type Figure } from '../support/figures.ts';
import { startLoad, type LoadKind, type LoadResult } from '../support/load.ts';
import { allowedOrigin } from '../support/organizations.ts';
import { startMeasuredApi } from '../support/programs.ts';
import { linearFit } from '../support/statistics.ts';
import { readProcessUse, type ProcessUse } from './process-use.ts';
import { messages, startStage, type LoadContext, type LoadPart, type Stage } from './stage.ts';

/** The first part of a soak fills caches and pools; what is judged comes after it. */
const warmUpShare = 0.3;
/** What the straight line through all samples may rise from the end of the warm-up to the end of the soak. */
const mostRise = { residentShare: 0.1, descriptors: 10, databaseConnections: 3 } as const;
const loadSlices = 4;

interface Sample {
  seconds: number;
  exporter: ProcessUse;
  api: ProcessUse;
  databaseConnections: number;
}

/** Everything at once for a long time, at a rate that the machine bears: nothing may grow. */
export const soakPart: LoadPart = {
  name: 'soak',
  summary: 'all routes at once for 10 minutes (--soak=2h): memory, descriptors and connections stay flat',
  run: async (context) => {
    const stage = await startStage(context, 'soak');
    const api = await startMeasuredApi(stage.database);
    const { url: apiUrl, metricsUrl: apiMetricsUrl } = await api.call('start', undefined);
    const kinds = await kindsOf(context, stage, apiUrl);
    const startedAt = performance.now();
    const elapsed = (): number => (performance.now() - startedAt) / 1000;
    const done = Promise.all(kinds.map((kind) => runSlices(kind, context.soakSeconds)));
    const samples: Sample[] = [];
    const every = Math.max(1, context.soakSeconds / 240);
    let told = 0;
    while (elapsed() < context.soakSeconds) {
      await delay(every * 1000);
      samples.push({
        seconds: elapsed(),
        exporter: await readProcessUse(stage.metricsUrl),
        api: await readProcessUse(apiMetricsUrl),
        databaseConnections: await countDatabaseConnections(stage),
      });
      if (elapsed() - told < context.soakSeconds / 10) continue;
      told = elapsed();
      context.print(progressLine(samples.at(-1), context.soakSeconds));
    }
    const results = (await done).flat();
    await api.stop();
    await stage.stop();
    const judged = samples.filter(({ seconds }) => seconds > context.soakSeconds * warmUpShare);
    context.print(tableOf(judged));
    return [...figuresOf(judged), ...outcomeOf(results)];
  },
};

interface Kind {
  url: string;
  requestsPerSecond: number;
  send: LoadKind;
}

async function kindsOf(
  context: LoadContext,
  { url, ingestKeys, siteIds, database, organizationKeys }: Stage,
  apiUrl: string,
): Promise<Kind[]> {
  const chatbotIds: string[] = [];
  for (const orgKey of organizationKeys.slice(0, 8)) chatbotIds.push((await createChatbot(database.db, { orgKey, name: 'soak' })).id);
  const tokens = await Promise.all(organizationKeys.slice(0, 8).map((org) => signToken({ org, role: 'member', sub: 'soak' })));
  const capacity = await context.capacity();
  return [
    { url, requestsPerSecond: Math.max(20, Math.round(capacity / 10)), send: messages(ingestKeys) },
    { url, requestsPerSecond: 40, send: { kind: 'events', chatbotIds, eventsPerBatch: 5 } },
    { url, requestsPerSecond: 40, send: { kind: 'metrics', chatbotIds, metricsPerBatch: 9 } },
    { url, requestsPerSecond: 40, send: { kind: 'operations', ingestKeys, operationsPerBatch: 5 } },
    { url, requestsPerSecond: 40, send: { kind: 'marketing', propertyIds: ['www', 'shop'] } },
    { url, requestsPerSecond: 100, send: { kind: 'bootloader', siteIds, origin: allowedOrigin } },
    { url: apiUrl, requestsPerSecond: 20, send: { kind: 'read', path: '/portal/widget/health', tokens } },
  ];
}

/** In slices: clients that go away and come back are a part of it, and the generator need not remember hours of latencies. */
async function runSlices({ url, requestsPerSecond, send }: Kind, seconds: number): Promise<LoadResult[]> {
  const load = await startLoad();
  const results: LoadResult[] = [];
  const slice = Math.max(1, Math.floor(seconds / loadSlices));
  for (let left = loadSlices; left > 0; left -= 1)
    results.push(await load.call('run', { url, connections: 10, seconds: slice, requestsPerSecond, send }));
  await load.stop();
  return results;
}

async function countDatabaseConnections({ database }: Stage): Promise<number> {
  const { rows } = await database.db.query<{ open: number }>(
    `select count(*)::integer as open from pg_stat_activity
     where pg_stat_activity.datname = current_database() and pg_stat_activity.application_name ~ '^(exporter|api) '`,
  );
  return rows[0]?.open ?? Number.NaN;
}

const megabytes = (bytes: number): number => bytes / 1024 / 1024;

function progressLine(sample: Sample | undefined, seconds: number): string {
  if (sample === undefined) return 'soak: no sample yet';
  const { exporter, api, databaseConnections } = sample;
  const of = ({ residentBytes, openDescriptors }: ProcessUse): string =>
    `${format(megabytes(residentBytes))} MB, ${openDescriptors} descriptors`;
  return `soak: ${sample.seconds.toFixed(0)} of ${seconds} s · exporter ${of(exporter)} · api ${of(api)} · ${databaseConnections} database connections`;
}

const series: readonly [name: string, read: (sample: Sample) => number][] = [
  ['exporter, resident MB', ({ exporter }) => megabytes(exporter.residentBytes)],
  ['exporter, descriptors', ({ exporter }) => exporter.openDescriptors],
  ['api, resident MB', ({ api }) => megabytes(api.residentBytes)],
  ['api, descriptors', ({ api }) => api.openDescriptors],
  ['database connections', ({ databaseConnections }) => databaseConnections],
];

/** Of the straight line through the samples: where it begins, and how much it rises over all of them. */
function riseOf(samples: readonly Sample[], read: (sample: Sample) => number): { mean: number; rise: number; perHour: number } {
  const values = samples.map(read);
  const { slope } = linearFit(samples.map((sample, index) => [sample.seconds, values[index] ?? Number.NaN]));
  const spanSeconds = (samples.at(-1)?.seconds ?? 0) - (samples[0]?.seconds ?? 0);
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, rise: slope * spanSeconds, perHour: slope * 3600 };
}

function tableOf(samples: readonly Sample[]): string {
  return table([
    [`after the warm-up, ${samples.length} samples`, 'least', 'mean', 'most', 'rise by the fit', 'per hour'],
    ...series.map(([name, read]) => {
      const values = samples.map(read);
      const { mean, rise, perHour } = riseOf(samples, read);
      return [name, format(Math.min(...values)), format(mean), format(Math.max(...values)), format(rise), format(perHour)];
    }),
  ]);
}

function figuresOf(samples: readonly Sample[]): Figure[] {
  return series.map(([name, read]): Figure => {
    const { mean, rise } = riseOf(samples, read);
    if (name.endsWith('MB'))
      return {
        name: `soak: rise of ${name} / its mean`,
        value: (100 * rise) / mean,
        unit: '%',
        target: { atMost: 100 * mostRise.residentShare },
      };
    const most = name.endsWith('descriptors') ? mostRise.descriptors : mostRise.databaseConnections;
    return {
      name: `soak: rise of ${name}`,
      value: rise,
      unit: name.endsWith('descriptors') ? 'descriptors' : 'connections',
      target: { atMost: most },
    };
  });
}

function outcomeOf(results: readonly LoadResult[]): Figure[] {
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const answers = results.reduce((sum, result) => sum + result.answers, 0);
  return [{ name: `soak: failed, of ${answers + failed} requests`, value: failed, unit: 'answers', target: { atMost: 0 } }];
}
