import type { Bench, BenchContext } from './support/bench.ts';
import { signToken } from './support/environment.ts';
import { format, table, type Figure } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import { createOrganizations } from './support/organizations.ts';
import { quietTurns } from './support/quiet.ts';
import { startMeasuredApi } from './support/programs.ts';
import { median, medianRatio } from './support/statistics.ts';

const sizes = [100, 10_000] as const;
/** Users who read at the same time, each asking again as soon as the answer is there. */
const portalReaders = 4;
const adminReaders = 2;
/** Organizations whose users read. */
const readingOrganizations = 100;

interface Reader {
  url: string;
  tokens: { portal: string[]; admin: string[] };
  stop: () => Promise<void>;
}

/** What the portal and the admin console wait for, few organizations against many. */
export const readsBench: Bench = {
  name: 'reads',
  summary: 'portal and admin reads at 100 and 10,000 organizations',
  run: async (context) => {
    const readers = new Map<number, Reader>();
    for (const size of sizes) readers.set(size, await startReader(context, size));
    const portal = await measure(context, readers, 'portal');
    const admin = await measure(context, readers, 'admin');
    await Promise.all([...readers.values()].map((reader) => reader.stop()));
    return [...portal, ...admin];
  },
};

const routes = {
  portal: { path: '/portal/widget/health', connections: portalReaders, name: 'portal read', belowMs: 10 },
  admin: { path: '/internal/metrics/widget-health-summary', connections: adminReaders, name: 'admin summary', belowMs: 50 },
} as const;

async function measure({ load, quick, print }: BenchContext, readers: Map<number, Reader>, kind: 'portal' | 'admin'): Promise<Figure[]> {
  const { path, connections, name, belowMs } = routes[kind];
  const rounds = quick ? 3 : 9;
  const quiet = quietTurns();
  const results = new Map<number, LoadResult[]>(sizes.map((size) => [size, []]));
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    for (const [size, { url, tokens }] of readers) {
      const result = await load.call('run', {
        url,
        connections,
        seconds: quick ? 1 : 2,
        send: { kind: 'read', path, tokens: tokens[kind] },
      });
      // The first round warms up.
      if (round >= 0) results.get(size)?.push(result);
    }
  }
  const of = (size: number, value: keyof LoadResult): number[] => (results.get(size) ?? []).map((result) => result[value]);
  const [few, many] = sizes;
  print(`${name}: ${connections} readers, ${quiet.summary(rounds)}`);
  print(
    table([
      ['organizations', 'reads/s', 'p50 ms', 'p95 ms', 'p99 ms', 'worst p95 ms'],
      ...sizes.map((size) => [
        size.toLocaleString('en'),
        ...(['perSecond', 'p50', 'p95', 'p99'] as const).map((value) => format(median(of(size, value)))),
        format(Math.max(...of(size, 'p95'))),
      ]),
      ['ratio', ...(['perSecond', 'p50', 'p95', 'p99'] as const).map((value) => format(medianRatio(of(many, value), of(few, value)))), ''],
    ]),
  );
  return [
    {
      name: `${name}: p95 at ${many.toLocaleString('en')} organizations`,
      value: median(of(many, 'p95')),
      unit: 'ms',
      target: { below: belowMs },
    },
    {
      name: `${name}: answers that were not 2xx`,
      value: sizes.flatMap((size) => of(size, 'failed')).reduce((sum, failed) => sum + failed, 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
  ];
}

async function startReader({ cluster }: BenchContext, size: number): Promise<Reader> {
  const database = await cluster.createDatabase(`reads_${size}`);
  const organizations = await createOrganizations(database.db, size);
  const every = Math.max(1, Math.floor(size / readingOrganizations));
  const readers = organizations.filter((_organization, position) => position % every === 0);
  const child = await startMeasuredApi(database);
  const { url } = await child.call('start', undefined);
  return {
    url,
    tokens: {
      portal: await Promise.all(readers.map(({ key }) => signToken({ sub: `user of ${key}`, org: key, role: 'member' }))),
      admin: [await signToken({ sub: 'administrator', role: 'admin' })],
    },
    stop: child.stop,
  };
}
