import type { Bench, BenchContext } from './support/bench.ts';
import { countSeries, parseSeries, seriesKey } from './support/exposition-text.ts';
import { format, table, type Figure } from './support/figures.ts';
import { createOrganizations } from './support/organizations.ts';
import { startMeasuredExporter, startPromClient, type Stall } from './support/programs.ts';
import { quietTurns } from './support/quiet.ts';
import { fetchText, timeScrape } from './support/scrape.ts';
import { median, medianRatio } from './support/statistics.ts';

const sizes = [100, 1000, 10_000] as const;
const largest = 10_000;

interface Measured {
  size: number;
  series: number;
  bytes: number;
  refreshMs: number[];
  scrapeMs: number[];
  promClientMs: number[];
  fleetMs: number[];
  fleetSeries: number;
  stall: Stall;
  promClientStall: Stall;
}

/** /metrics/orgs, rendered from the database in the background, against prom-client's registry rendering the same series. */
export const orgSeriesBench: Bench = {
  name: 'org-series',
  summary: "/metrics/orgs against prom-client's registry rendering the same series, with the longest stall of the event loop",
  run: async (context) => {
    const measured: Measured[] = [];
    for (const size of sizes) measured.push(await measure(context, size));
    printTable(context, measured);
    return measured.filter(({ size }) => size === largest).flatMap(figuresOf);
  },
};

async function measure({ cluster, quick }: BenchContext, size: number): Promise<Measured> {
  const database = await cluster.createDatabase(`org_series_${size}`);
  await createOrganizations(database.db, size);
  const exporter = await startMeasuredExporter(database);
  const promClient = await startPromClient();
  const { metricsUrl } = await exporter.call('start', undefined);
  const orgsUrl = `${metricsUrl}/metrics/orgs`;
  const fleetUrl = `${metricsUrl}/metrics`;
  const text = await fetchText(orgsUrl);
  await promClient.call('fill', orgsUrl);
  checkSame(text, await promClient.call('text', undefined));

  const rounds = quick ? 5 : 21;
  const quiet = quietTurns();
  const result: Measured = {
    size,
    series: countSeries(text),
    bytes: text.length,
    refreshMs: [],
    scrapeMs: [],
    promClientMs: [],
    fleetMs: [],
    fleetSeries: countSeries(await fetchText(fleetUrl)),
    stall: { elapsedMs: 0, ownMs: 0 },
    promClientStall: { elapsedMs: 0, ownMs: 0 },
  };
  for (let round = -2; round < rounds; round += 1) {
    await quiet.next();
    const refreshMs = await exporter.call('refresh', undefined);
    const { elapsedMs: scrapeMs } = await timeScrape(orgsUrl);
    const promClientMs = await promClient.call('render', undefined);
    const { elapsedMs: fleetMs } = await timeScrape(fleetUrl);
    // The first rounds warm up.
    if (round < 0) continue;
    result.refreshMs.push(refreshMs);
    result.scrapeMs.push(scrapeMs);
    result.promClientMs.push(promClientMs);
    result.fleetMs.push(fleetMs);
  }

  for (let round = 0; round < rounds; round += 1) {
    await quiet.next();
    await exporter.call('watchEventLoop', undefined);
    await exporter.call('refresh', undefined);
    await timeScrape(orgsUrl);
    await timeScrape(fleetUrl);
    // And all at once.
    await Promise.all([exporter.call('refresh', undefined), timeScrape(orgsUrl), timeScrape(fleetUrl)]);
    const { elapsedMs, ownMs } = await exporter.call('longestStall', undefined);
    result.stall = { elapsedMs: Math.max(result.stall.elapsedMs, elapsedMs), ownMs: Math.max(result.stall.ownMs, ownMs) };
  }
  await promClient.call('watchEventLoop', undefined);
  for (let round = 0; round < 3; round += 1) await promClient.call('render', undefined);
  result.promClientStall = await promClient.call('longestStall', undefined);
  await Promise.all([exporter.stop(), promClient.stop()]);
  return result;
}

/** @throws when the two do not show the same series, apart from sums, which prom-client gets from other observations. */
function checkSame(ours: string, promClient: string): void {
  const valuesOf = (text: string): Map<string, number> => new Map(parseSeries(text).map((line) => [seriesKey(line), line.value]));
  const expected = valuesOf(ours);
  const shown = valuesOf(promClient);
  const wrong = [...expected].filter(([key, value]) => !shown.has(key) || (!key.includes('_sum{') && shown.get(key) !== value));
  if (wrong.length > 0 || shown.size !== expected.size) {
    throw new Error(
      `prom-client was not given the same series: ${expected.size} and ${shown.size}, first difference ${wrong[0]?.[0] ?? 'none'}`,
    );
  }
}

function printTable({ print }: BenchContext, measured: readonly Measured[]): void {
  const refreshAndScrape = ({ refreshMs, scrapeMs }: Measured): number[] => refreshMs.map((value, round) => value + (scrapeMs[round] ?? 0));
  print(
    `/metrics/orgs: widget-health only, medians of ${measured[0]?.refreshMs.length ?? 0} rounds; times in ms; a ratio is prom-client's time / ours`,
  );
  print(
    table([
      [
        'organizations',
        'series',
        'MB',
        'refresh',
        'scrape',
        'prom-client',
        'ratio, scrape',
        'ratio, both',
        'stall',
        'own',
        'prom-client stall',
        '/metrics',
        'its series',
      ],
      ...measured.map((result) => [
        result.size.toLocaleString('en'),
        result.series.toLocaleString('en'),
        (result.bytes / 1e6).toFixed(2),
        format(median(result.refreshMs)),
        format(median(result.scrapeMs)),
        format(median(result.promClientMs)),
        format(medianRatio(result.promClientMs, result.scrapeMs)),
        format(medianRatio(result.promClientMs, refreshAndScrape(result))),
        format(result.stall.elapsedMs),
        format(result.stall.ownMs),
        format(result.promClientStall.elapsedMs),
        format(median(result.fleetMs)),
        String(result.fleetSeries),
      ]),
    ]),
  );
}

function figuresOf(measured: Measured): Figure[] {
  const { size, scrapeMs, promClientMs, fleetMs, fleetSeries, stall } = measured;
  const at = `at ${size.toLocaleString('en')} organizations`;
  // A refresh runs in the background and holds a query, which prom-client's side has none of: the table tells both together, the figure is the scrape.
  return [
    { name: `/metrics/orgs ${at}: prom-client / scrape`, value: medianRatio(promClientMs, scrapeMs), unit: 'x', target: { atLeast: 3 } },
    { name: `/metrics/orgs ${at}: longest event-loop stall`, value: stall.ownMs, unit: 'ms', target: { atMost: 10 } },
    { name: `/metrics ${at}: time of a scrape`, value: median(fleetMs), unit: 'ms', target: { below: 10 } },
    { name: `/metrics ${at}: series`, value: fleetSeries, unit: 'series', target: { below: 2000 } },
  ];
}
