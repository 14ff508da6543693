import { z } from 'zod';

export interface Sample {
  metric: Record<string, string>;
  value: number;
}

export interface Answer {
  /** One for each series; of a range, its newest point. */
  samples: Sample[];
  /** How many samples Prometheus had to look at. */
  samplesRead: number;
}

const point = z.tuple([z.number(), z.string()]);
const labels = z.record(z.string(), z.string());
const querySchema = z.object({
  result: z.union([
    point.transform((value) => [{ metric: {}, value }]),
    z.array(z.union([z.object({ metric: labels, value: point }), z.object({ metric: labels, values: z.array(point) })])),
  ]),
  stats: z.object({ samples: z.object({ totalQueryableSamples: z.number() }) }).optional(),
});
const rulesSchema = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() })),
    }),
  ),
});
const metadataSchema = z.record(z.string(), z.array(z.object({ type: z.string() })));

/** The HTTP API of a running Prometheus. What it refuses is thrown, with its words. */
export interface PrometheusApi {
  query(expression: string): Promise<Answer>;
  queryRange(expression: string, range: { seconds: number; stepSeconds: number }): Promise<Answer>;
  /** Labels of every series that it holds, the name as `__name__`. */
  series(): Promise<Record<string, string>[]>;
  /** By metric family, as the targets declare them. */
  types(): Promise<Record<string, string>>;
  rules(): Promise<z.infer<typeof rulesSchema>['groups'][number]['rules']>;
}

export function prometheusApi(port: number): PrometheusApi {
  async function ask<Schema extends z.ZodType>(path: string, parameters: Record<string, string>, schema: Schema): Promise<z.infer<Schema>> {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const answer = z.object({ data: z.unknown().optional(), error: z.string().optional() }).parse(await response.json());
    if (answer.error !== undefined) throw new Error(`${parameters['query'] ?? path}: ${answer.error}`);
    return schema.parse(answer.data);
  }

  const read = ({ result, stats }: z.infer<typeof querySchema>): Answer => ({
    samples: result.map((series) => {
      const newest = 'value' in series ? series.value : series.values.at(-1);
      return { metric: series.metric, value: Number(newest?.[1]) };
    }),
    samplesRead: stats?.samples.totalQueryableSamples ?? 0,
  });

  return {
    query: async (query) => read(await ask('query', { query, stats: 'all' }, querySchema)),
    queryRange: async (query, { seconds, stepSeconds }) => {
      const end = Date.now() / 1000;
      return read(
        await ask(
          'query_range',
          { query, start: String(end - seconds), end: String(end), step: String(stepSeconds), stats: 'all' },
          querySchema,
        ),
      );
    },
    series: () => ask('series', { 'match[]': '{__name__=~".+"}' }, z.array(labels)),
    types: async () =>
      Object.fromEntries(
        Object.entries(await ask('metadata', {}, metadataSchema)).map(([name, [first]]) => [name, first?.type ?? 'unknown']),
      ),
    rules: async () => (await ask('rules', {}, rulesSchema)).groups.flatMap(({ rules }) => rules),
  };
}
