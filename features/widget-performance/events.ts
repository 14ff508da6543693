import { z } from 'zod';
import { checkedLater } from '../../platform/http/json-schema.ts';
import { longestText, timestamp as answeredMoment, uuid } from '../../platform/http/validation.ts';
import { validationError } from '../../platform/http/errors.ts';

/** What widgets measure. Source: contracts/widget-performance.md, Ingest. */
export const persistenceOperations = ['save', 'restore', 'sync', 'delete', 'navigation'] as const;
export const tabSyncOperations = ['broadcast', 'receive', 'reconcile'] as const;

const longestMs = 3_600_000;
const mostBytes = 2 ** 40;
const notNegative = z.number('must be a number').min(0, 'must be at least 0');
const ms = notNegative.max(longestMs, `must be at most ${longestMs}`).meta({ description: 'Milliseconds.' });
const bytes = notNegative.max(mostBytes, 'must be at most 2^40').meta({ description: 'Bytes.' });
const flag = z.boolean('must be true or false');
const count = z.int('must be a whole number').min(0, 'must be at least 0');
const id = z.string('must be a string').min(1, 'must not be empty').check(longestText(200));
const upTo = (longest: number) => z.string('must be a string').check(longestText(longest));

const errorTypeFormat = /^[A-Za-z0-9_.-]{1,64}$/;
const errorType = z
  .string('must be a string')
  .transform((text) => (errorTypeFormat.test(text) ? text : 'other'))
  .optional()
  .meta({ description: 'Of a failure: 1 to 64 letters, digits, `_`, `.` and `-`; anything else counts as `other`.' });

/** Milliseconds since 1970; whatever they are, only what lies within the hour counts. */
const moment = z
  .union(
    [
      z.iso.datetime({ offset: true }).transform((text) => new Date(text).getTime()),
      z.number().meta({ description: 'Milliseconds since 1970.' }),
    ],
    'must be a moment in ISO 8601 such as 2026-02-13T10:00:00.000Z, or milliseconds since 1970',
  )
  .optional()
  .meta({
    description:
      'When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored.',
  });

const metricOf = <Shape extends z.core.$ZodShape>(name: string, shape: Shape) =>
  z.object({ ...shape, timestamp: moment }, 'must be an object').meta({ id: name });

/** Fields that no series needs are checked and then forgotten: senders may rely on them one day. */
const metricSchemas = {
  persistence: metricOf('PersistenceMetric', {
    operation: z.enum(persistenceOperations, `must be one of ${persistenceOperations.join(', ')}`),
    success: flag,
    duration: ms,
    sessionId: id.optional(),
    conversationId: id.optional(),
    errorType,
    errorMessage: upTo(1000).optional(),
    metadata: z
      .object({
        messageCount: count.optional(),
        storageType: z.enum(['localStorage', 'parentStorage', 'enhanced']).optional(),
        dataSize: bytes.optional(),
        crossPage: flag.optional(),
        tabSync: flag.optional(),
      })
      .optional(),
  }),
  restoration: metricOf('RestorationMetric', {
    sessionId: id,
    conversationId: id,
    success: flag,
    duration: ms,
    messagesRestored: count.max(100_000, 'must be at most 100000'),
    errorType,
    storageAdapter: id.optional(),
  }),
  navigation: metricOf('NavigationMetric', {
    sessionId: id,
    fromPage: upTo(2048),
    toPage: upTo(2048),
    success: flag,
    dataPreserved: flag,
    duration: ms,
  }),
  render: metricOf('RenderMetric', {
    messageId: id,
    renderTime: ms,
    contentLength: count,
    hasMarkdown: flag.optional(),
    hasCodeBlocks: flag.optional(),
  }),
  scroll: metricOf('ScrollMetric', {
    fps: notNegative.max(1000, 'must be at most 1000'),
    frameTime: ms,
    jankFrames: count,
    totalFrames: z.int('must be a whole number').min(1, 'must be at least 1').max(1_000_000, 'must be at most 1000000'),
    scrollHeight: notNegative.optional(),
    messageCount: count.optional(),
  }).refine(({ jankFrames, totalFrames }) => jankFrames <= totalFrames, {
    path: ['jankFrames'],
    message: 'must be at most totalFrames',
  }),
  memory: metricOf('MemoryMetric', {
    heapUsed: bytes,
    heapTotal: bytes,
    external: bytes.optional(),
    sessionId: id.optional(),
    messageCount: count.optional(),
  }),
  tabSync: metricOf('TabSyncMetric', {
    operation: z.enum(tabSyncOperations, `must be one of ${tabSyncOperations.join(', ')}`),
    latency: ms,
    dataSize: bytes,
    success: flag,
    tabId: id.optional(),
  }),
  api: metricOf('ApiCallMetric', {
    endpoint: upTo(2048),
    method: upTo(10),
    statusCode: z.int('must be a whole number').min(0, 'must be at least 0').max(599, 'must be at most 599'),
    duration: ms,
    requestSize: bytes.optional(),
    responseSize: bytes.optional(),
    cached: flag,
    errorType,
  }),
  bundle: metricOf('BundleMetric', {
    bundleName: id,
    loadTime: ms,
    size: bytes,
    cached: flag,
  }),
} as const;

export type MetricType = keyof typeof metricSchemas;
export const metricTypes = Object.keys(metricSchemas) as MetricType[];

const typed = <Type extends MetricType, Envelope extends z.core.$ZodShape>(type: Type, envelope: Envelope) =>
  z.object({ ...envelope, type: z.literal(type), metric: metricSchemas[type] });

/** One object per type, so that its fields are those of its type. */
const anyMetricIn = <Envelope extends z.core.$ZodShape>(envelope: Envelope) =>
  z.discriminatedUnion(
    'type',
    [
      typed('persistence', envelope),
      typed('restoration', envelope),
      typed('navigation', envelope),
      typed('render', envelope),
      typed('scroll', envelope),
      typed('memory', envelope),
      typed('tabSync', envelope),
      typed('api', envelope),
      typed('bundle', envelope),
    ],
    { error: ({ code }) => (code === 'invalid_union' ? `must be one of ${metricTypes.join(', ')}` : 'must be an object') },
  );

const envelope = {
  chatbotId: uuid,
  batchId: uuid.optional().meta({ description: 'A repeat with the same id is acknowledged and not counted again.' }),
};
const single = anyMetricIn(envelope);
const batch = z.object({
  ...envelope,
  metrics: z
    .array(anyMetricIn({}), 'must be a list')
    .min(1, 'must hold at least 1 metric')
    .max(100, 'must hold at most 100 metrics: send the others in another request'),
});

export type SentMetric = z.output<typeof batch>['metrics'][number];

/** What a request brings, in either form. */
export interface MetricsRequest {
  isBatch: boolean;
  chatbotId: string;
  batchId: string | undefined;
  metrics: readonly SentMetric[];
}

/** Body of POST /api/monitoring/widget: one metric, or `metrics`. The form is told by that field, so that issues name the fields of the form meant. */
export const metricsRequest = checkedLater(z.union([single, batch]))
  .transform((sent, context): MetricsRequest => {
    const isBatch = typeof sent === 'object' && sent !== null && 'metrics' in sent;
    const result = isBatch ? batch.safeParse(sent) : single.safeParse(sent);
    if (!result.success) {
      for (const issue of result.error.issues) context.addIssue({ ...issue, input: undefined });
      return z.NEVER;
    }
    const { chatbotId, batchId, ...rest } = result.data;
    return { isBatch, chatbotId, batchId, metrics: 'metrics' in rest ? rest.metrics : [rest] };
  })
  .meta({
    id: 'WidgetMetrics',
    examples: [
      {
        chatbotId: '3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10',
        batchId: '6a1e9a52-3c1e-4c5b-9a55-0d6c7a3f2b10',
        metrics: [
          { type: 'render', metric: { messageId: 'm1', renderTime: 12.3, contentLength: 256, timestamp: '2026-02-13T10:00:00.000Z' } },
          { type: 'memory', metric: { heapUsed: 35_232_153, heapTotal: 50_000_000 } },
        ],
      },
      {
        chatbotId: '3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10',
        type: 'persistence',
        metric: { operation: 'save', success: false, duration: 41, errorType: 'QuotaExceededError' },
      },
    ],
  });

/** A measurement as it is counted. */
export interface Measurement {
  type: MetricType;
  /** Of persistence and tabSync; '' of the others. */
  operation: string;
  /** When it was measured, in ms since 1970. */
  at: number;
  /** Of its type: ms, frames per second, or bytes. */
  value: number;
  failed: boolean;
  errorType: string | undefined;
  cached: boolean;
  dataPreserved: boolean;
  messagesRestored: number;
  size: number;
  jankFrames: number;
  totalFrames: number;
}

const newestMs = 5 * 60_000;
const oldestMs = 3_600_000;

/** What of a request is counted, and how many were measured too long ago. Throws 400 for one that was measured in the future. */
export function measurementsOf({ isBatch, metrics }: MetricsRequest, receivedAt: Date): { measurements: Measurement[]; ignored: number } {
  const now = receivedAt.getTime();
  const measurements: Measurement[] = [];
  metrics.forEach((sent, index) => {
    const at = sent.metric.timestamp ?? now;
    if (at > now + newestMs) {
      const path = isBatch ? `metrics.${index}.metric.timestamp` : 'metric.timestamp';
      throw validationError([{ path, message: 'must be at most 5 minutes ahead: check the clock of the sender' }]);
    }
    if (at >= now - oldestMs) measurements.push({ ...nothing, type: sent.type, at, ...countedOf(sent) });
  });
  return { measurements, ignored: metrics.length - measurements.length };
}

const nothing = {
  operation: '',
  failed: false,
  errorType: undefined,
  cached: false,
  dataPreserved: false,
  messagesRestored: 0,
  size: 0,
  jankFrames: 0,
  totalFrames: 0,
} as const;

function countedOf(sent: SentMetric): Partial<Measurement> & Pick<Measurement, 'value'> {
  switch (sent.type) {
    case 'persistence': {
      const { operation, duration, success, errorType: kind } = sent.metric;
      return { operation, value: duration, failed: !success, errorType: kind };
    }
    case 'restoration': {
      const { duration, success, errorType: kind, messagesRestored } = sent.metric;
      return { value: duration, failed: !success, errorType: kind, messagesRestored };
    }
    case 'navigation': {
      const { duration, success, dataPreserved } = sent.metric;
      return { value: duration, failed: !success, dataPreserved };
    }
    case 'render':
      return { value: sent.metric.renderTime };
    case 'scroll': {
      const { fps, jankFrames, totalFrames } = sent.metric;
      return { value: fps, jankFrames, totalFrames };
    }
    case 'memory':
      return { value: sent.metric.heapUsed };
    case 'tabSync': {
      const { operation, latency, success } = sent.metric;
      return { operation, value: latency, failed: !success };
    }
    case 'api': {
      const { duration, statusCode, cached, errorType: kind } = sent.metric;
      return { value: duration, failed: statusCode >= 400 || statusCode === 0, cached, errorType: kind };
    }
    case 'bundle':
    default: {
      const { loadTime, size, cached } = sent.metric;
      return { value: loadTime, size: Math.round(size), cached };
    }
  }
}

export const incidentCauses = ['save_failed', 'navigation'] as const;

/** Why a measurement is a loss of data, if it is one. */
export function dataLossOf({ type, operation, failed, dataPreserved }: Measurement): (typeof incidentCauses)[number] | undefined {
  if (type === 'persistence' && operation === 'save' && failed) return 'save_failed';
  return type === 'navigation' && !dataPreserved ? 'navigation' : undefined;
}

const acknowledged = { success: z.literal(true), timestamp: answeredMoment };

/** Answer of POST /api/monitoring/widget, to a single metric and to a batch. */
export const metricsAccepted = z
  .union([
    z.object({ ...acknowledged, type: z.enum(metricTypes) }),
    z.object({
      ...acknowledged,
      accepted: z.int().min(0).meta({ description: 'Metrics stored.' }),
      ignored: z.int().min(0).meta({ description: 'Metrics that were measured over an hour ago, or all of them from a bot.' }),
      duplicate: z.boolean().meta({ description: 'The batch was stored before; nothing was counted again.' }),
    }),
  ])
  .meta({
    id: 'WidgetMetricsAccepted',
    examples: [
      { success: true, accepted: 98, ignored: 2, duplicate: false, timestamp: '2026-02-13T10:00:00.120Z' },
      { success: true, type: 'render', timestamp: '2026-02-13T10:00:00.120Z' },
    ],
  });
