import { z } from 'zod';

/** Values of one series: seconds since 1970, and what it was then. */
export interface Series {
  labels: Readonly<Record<string, string>>;
  points: readonly (readonly [seconds: number, value: number])[];
}

/** What is asked for: up to `end`, in seconds since 1970. */
export interface TimeRange {
  end: number;
  seconds: number;
}

export interface Prometheus {
  instant(expression: string, at: number): Promise<Series[]>;
  /** On whole multiples of the step, as Grafana asks, so that a curve stays when time moves on. */
  range(expression: string, range: TimeRange, stepSeconds: number): Promise<Series[]>;
  /** Values of a label on the series of a selector, in the order of the alphabet. */
  labelValues(label: string, selector: string, range: TimeRange): Promise<string[]>;
}

const point = z.tuple([z.number(), z.string().transform(Number)]);
const labels = z.record(z.string(), z.string());
const vector = z.array(z.object({ metric: labels, value: point }));
const matrix = z.array(z.object({ metric: labels, values: z.array(point) }));
const answerSchema = z.object({ data: z.unknown(), error: z.string().optional() });

export function connectPrometheus(url: string): Prometheus {
  async function ask<Schema extends z.ZodType>(path: string, parameters: Record<string, string>, schema: Schema): Promise<z.infer<Schema>> {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`).catch((error: unknown) => {
      throw new Error(`Prometheus does not answer at ${url}: start the stack (npm start) or say where it is with --prometheus`, {
        cause: error,
      });
    });
    const { data, error } = answerSchema.parse(await response.json());
    if (error !== undefined) throw new Error(`Prometheus refuses ${parameters['query'] ?? path}: ${error}`);
    return schema.parse(data);
  }

  return {
    instant: async (query, at) => {
      const { result } = await ask('query', { query, time: String(at) }, z.object({ result: vector }));
      return result.map(({ metric, value }) => ({ labels: metric, points: [value] }));
    },
    range: async (query, range, stepSeconds) => {
      const [start, end] = [range.end - range.seconds, range.end].map((time) => String(Math.floor(time / stepSeconds) * stepSeconds));
      const parameters = { query, start: start ?? '', end: end ?? '', step: String(stepSeconds) };
      const { result } = await ask('query_range', parameters, z.object({ result: matrix }));
      return result.map(({ metric, values }) => ({ labels: metric, points: values }));
    },
    labelValues: (label, selector, { end, seconds }) =>
      ask(`label/${label}/values`, { 'match[]': selector, start: String(end - seconds), end: String(end) }, z.array(z.string())),
  };
}
