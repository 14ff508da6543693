import { randomInt, randomUUID } from 'node:crypto';
import type { TestDatabase } from './database.ts';
import { createTenantChatbots } from './event-load.ts';
import type { HttpAnswer, HttpConnection } from './http-connection.ts';
import { killUnderLoad, type KillOptions } from './kill-under-load.ts';
import { startRetryingLoad, type RetryingLoad, type SentBatch } from './retrying-load.ts';

export interface MetricBatch extends SentBatch {
  chatbotId: string;
  renders: number;
  /** Whole milliseconds, different in every batch: the stored sum tells which batches were stored and not only how many. */
  sumMs: number;
  body: string;
}

const browser = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const mostRenders = 8;
const slowestMs = 3000;

/** Pages that report how long messages took to render until it is acknowledged, always with the same batch id. */
export function startMetricLoad(options: {
  url: string;
  chatbots: readonly string[];
  connections: number;
}): RetryingLoad<MetricBatch> & { deduplicated: () => number } {
  const { url, chatbots, connections } = options;
  let deduplicated = 0;
  const load = startRetryingLoad<MetricBatch>({
    url,
    connections,
    newBatch: (client) => newBatch(chatbots[client % chatbots.length] as string),
    send: sendBatch,
    acknowledgedBy: 200,
    onAcknowledged: (_batch, answer) => {
      if ((answer.body as { duplicate: boolean }).duplicate) deduplicated += 1;
    },
  });
  return { ...load, deduplicated: () => deduplicated };
}

function newBatch(chatbotId: string): MetricBatch {
  const times = Array.from({ length: randomInt(1, mostRenders + 1) }, () => randomInt(slowestMs));
  const metrics = times.map((renderTime) => ({ type: 'render', metric: { messageId: '-', renderTime, contentLength: 0 } }));
  return {
    chatbotId,
    renders: times.length,
    sumMs: times.reduce((sum, ms) => sum + ms, 0),
    acknowledged: false,
    body: JSON.stringify({ chatbotId, batchId: randomUUID(), metrics }),
  };
}

function sendBatch(connection: HttpConnection, { body }: MetricBatch): Promise<HttpAnswer> {
  return connection.send('POST', '/api/monitoring/widget', { headers: { 'user-agent': browser }, body });
}

/** Sums of a load, as its clients know them or as the database has them. */
export interface MetricSums {
  count: number;
  sumMs: number;
}

export interface MetricDurability {
  acknowledged: MetricSums;
  stored: MetricSums;
  /** What the percentiles are made of. */
  bucketed: number;
  /** Chatbots whose stored sums are not what was acknowledged. */
  miscountedChatbots: number;
  kills: number;
  pids: number[];
  unknown: number;
  /** Batches whose acknowledgement said that they were stored before: their first answer was lost. */
  deduplicated: number;
  answers: ReadonlyMap<string, number>;
  /** Acknowledged batches that were sent once more after all of it, and those that were known. */
  replayed: { sent: number; duplicates: number };
}

/** Kills the exporter under a load of metrics and compares what is counted with what was acknowledged. */
export async function measureMetricDurability(
  options: KillOptions & { connections: number; organizations: number },
): Promise<MetricDurability> {
  const { database, kills, connections, organizations } = options;
  const chatbots = await createTenantChatbots(
    database,
    Array.from({ length: organizations }, (_, index) => `measured-${index + 1}`),
  );
  const { load, pids, stop } = await killUnderLoad({
    ...options,
    startLoad: (url) => startMetricLoad({ url, chatbots, connections }),
    acknowledgement: '200',
  });
  try {
    // Afterwards, so that what is compared next is what it left as well.
    const replies = await load.replay(50);
    const isKnown = ({ body }: HttpAnswer): boolean => (body as { duplicate: boolean }).duplicate;
    const replayed = { sent: replies.length, duplicates: replies.filter(isKnown).length };
    return {
      ...(await compareMetrics(database, load.batches)),
      kills,
      pids,
      unknown: load.unknownOutcomes(),
      deduplicated: load.deduplicated(),
      answers: load.answers,
      replayed,
    };
  } finally {
    await stop();
  }
}

/** The line that is quoted. */
export function metricDurabilityLine({ acknowledged, stored, miscountedChatbots, unknown, deduplicated, kills }: MetricDurability): string {
  return (
    `metrics: acknowledged ${acknowledged.count} · counted ${stored.count} · chatbots miscounted ${miscountedChatbots} · ` +
    `unknown ${unknown} retried, ${deduplicated} had been counted · kills ${kills}`
  );
}

/** Every batch must have been acknowledged: of others nobody can know. */
async function compareMetrics(
  database: Pick<TestDatabase, 'query'>,
  batches: readonly MetricBatch[],
): Promise<Pick<MetricDurability, 'acknowledged' | 'stored' | 'bucketed' | 'miscountedChatbots'>> {
  const acknowledged = new Map<string, MetricSums>();
  for (const { chatbotId, renders, sumMs } of batches) {
    const before = acknowledged.get(chatbotId) ?? { count: 0, sumMs: 0 };
    acknowledged.set(chatbotId, { count: before.count + renders, sumMs: before.sumMs + sumMs });
  }
  const rows = await database.query<MetricSums & { chatbot_id: string; bucketed: number }>(
    `select minutes.chatbot_id, sum(minutes.count)::integer as count, sum(minutes.value_sum) as "sumMs",
       sum(minutes.zero_count)::integer + coalesce((
         select sum(buckets.count)::integer from widget_performance_buckets buckets where buckets.chatbot_id = minutes.chatbot_id
       ), 0) as bucketed
     from widget_performance_minutes minutes where minutes.chatbot_id = any($1::uuid[]) group by minutes.chatbot_id`,
    [[...acknowledged.keys()]],
  );
  const total = (of: Iterable<MetricSums>): MetricSums => {
    const all = [...of];
    return { count: all.reduce((sum, { count }) => sum + count, 0), sumMs: all.reduce((sum, { sumMs }) => sum + sumMs, 0) };
  };
  const isRight = ([chatbotId, sums]: [string, MetricSums]): boolean =>
    rows.some((row) => row.chatbot_id === chatbotId && row.count === sums.count && row.sumMs === sums.sumMs);
  return {
    acknowledged: total(acknowledged.values()),
    stored: total(rows),
    bucketed: rows.reduce((sum, { bucketed }) => sum + bucketed, 0),
    miscountedChatbots: [...acknowledged].filter((entry) => !isRight(entry)).length,
  };
}
