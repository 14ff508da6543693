import { describe, expect, test } from 'vitest';
import { HttpError } from '../../platform/http/errors.ts';
import { dataLossOf, measurementsOf, metricsRequest, metricTypes, type Measurement, type MetricType } from './events.ts';

const chatbotId = '3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10';
const now = new Date('2026-02-13T10:00:00.000Z');

/** Of each type a metric with every field, the last the bound of its value. */
const metrics: Record<MetricType, Record<string, unknown>> = {
  persistence: {
    operation: 'save',
    success: true,
    duration: 3_600_000,
    sessionId: 's',
    conversationId: 'c',
    errorType: 'E',
    errorMessage: 'm',
    metadata: { messageCount: 1, storageType: 'enhanced', dataSize: 10, crossPage: true, tabSync: false },
  },
  restoration: {
    sessionId: 's',
    conversationId: 'c',
    success: true,
    duration: 1,
    messagesRestored: 100_000,
    errorType: 'E',
    storageAdapter: 'a',
  },
  navigation: { sessionId: 's', fromPage: '/a', toPage: '/b', success: true, dataPreserved: true, duration: 1 },
  render: { messageId: 'm', renderTime: 0, contentLength: 0, hasMarkdown: true, hasCodeBlocks: false },
  scroll: { fps: 1000, frameTime: 16, jankFrames: 2, totalFrames: 1_000_000, scrollHeight: 1.5, messageCount: 0 },
  memory: { heapUsed: 2 ** 40, heapTotal: 1, external: 0, sessionId: 's', messageCount: 1 },
  tabSync: { operation: 'reconcile', latency: 1, dataSize: 1, success: true, tabId: 't' },
  api: { endpoint: '/chat', method: 'POST', statusCode: 599, duration: 1, requestSize: 1, responseSize: 1, cached: true, errorType: 'E' },
  bundle: { bundleName: 'b', loadTime: 1, size: 1, cached: false },
};

const one = (type: string, metric: unknown) => metricsRequest.safeParse({ chatbotId, type, metric });
const pathsOf = (result: ReturnType<typeof one>): string[] => result.error?.issues.map(({ path }) => path.join('.')) ?? [];

function measured(type: MetricType, changes: Record<string, unknown> = {}): Measurement {
  const { measurements } = measurementsOf(metricsRequest.parse({ chatbotId, type, metric: { ...metrics[type], ...changes } }), now);
  const [measurement] = measurements;
  if (measurement === undefined) throw new Error('nothing was measured');
  return measurement;
}

describe('what is taken', () => {
  test.each(metricTypes)('a %s with every field, and with unknown ones, in either form', (type) => {
    expect(one(type, { ...metrics[type], unknown: 'x' }).success).toBe(true);
    expect(metricsRequest.safeParse({ chatbotId, metrics: [{ type, metric: metrics[type] }], also: 1 }).success).toBe(true);
  });

  test('ids are lower case afterwards, and the form is told by its fields', () => {
    const sent = { chatbotId: chatbotId.toUpperCase(), batchId: chatbotId.toUpperCase() };
    expect(metricsRequest.parse({ ...sent, type: 'render', metric: metrics.render })).toMatchObject({
      chatbotId,
      batchId: chatbotId,
      isBatch: false,
    });
    expect(metricsRequest.parse({ ...sent, metrics: [{ type: 'render', metric: metrics.render }] })).toMatchObject({ isBatch: true });
  });
});

describe('what is refused, with the field that is at fault', () => {
  const cases: [MetricType, Record<string, unknown>, string][] = [
    ['persistence', { operation: 'other' }, 'operation'],
    ['persistence', { duration: -1 }, 'duration'],
    ['persistence', { duration: 3_600_000.5 }, 'duration'],
    ['persistence', { duration: '1' }, 'duration'],
    ['persistence', { duration: undefined }, 'duration'],
    ['persistence', { success: 'true' }, 'success'],
    ['persistence', { sessionId: '' }, 'sessionId'],
    ['persistence', { sessionId: 'x'.repeat(201) }, 'sessionId'],
    ['persistence', { errorMessage: 'x'.repeat(1001) }, 'errorMessage'],
    ['persistence', { errorType: 5 }, 'errorType'],
    ['persistence', { metadata: { storageType: 'cloud' } }, 'metadata.storageType'],
    ['persistence', { metadata: { dataSize: -1 } }, 'metadata.dataSize'],
    ['persistence', { metadata: [] }, 'metadata'],
    ['restoration', { messagesRestored: 100_001 }, 'messagesRestored'],
    ['restoration', { messagesRestored: 1.5 }, 'messagesRestored'],
    ['restoration', { conversationId: undefined }, 'conversationId'],
    ['navigation', { toPage: 'x'.repeat(2049) }, 'toPage'],
    ['navigation', { dataPreserved: 1 }, 'dataPreserved'],
    ['render', { renderTime: Number.POSITIVE_INFINITY }, 'renderTime'],
    ['render', { renderTime: Number.NaN }, 'renderTime'],
    ['render', { contentLength: 1.5 }, 'contentLength'],
    ['render', { messageId: undefined }, 'messageId'],
    ['scroll', { fps: 1000.1 }, 'fps'],
    ['scroll', { totalFrames: 0, jankFrames: 0 }, 'totalFrames'],
    ['scroll', { totalFrames: 1_000_001 }, 'totalFrames'],
    ['scroll', { totalFrames: 5, jankFrames: 6 }, 'jankFrames'],
    ['scroll', { jankFrames: -1 }, 'jankFrames'],
    ['memory', { heapUsed: 2 ** 40 + 1 }, 'heapUsed'],
    ['memory', { external: -1 }, 'external'],
    ['tabSync', { operation: 'save' }, 'operation'],
    ['tabSync', { dataSize: undefined }, 'dataSize'],
    ['api', { statusCode: 600 }, 'statusCode'],
    ['api', { statusCode: -1 }, 'statusCode'],
    ['api', { method: 'x'.repeat(11) }, 'method'],
    ['api', { cached: undefined }, 'cached'],
    ['bundle', { size: -1 }, 'size'],
    ['bundle', { bundleName: '' }, 'bundleName'],
    ['render', { timestamp: 'yesterday' }, 'timestamp'],
    ['render', { timestamp: '2026-02-13' }, 'timestamp'],
    ['render', { timestamp: Number.POSITIVE_INFINITY }, 'timestamp'],
    ['render', { timestamp: null }, 'timestamp'],
  ];

  test.each(cases)('%s with %o', (type, changes, field) => {
    expect(pathsOf(one(type, { ...metrics[type], ...changes }))).toEqual([`metric.${field}`]);
  });

  test.each([
    ['an unknown type', { chatbotId, type: 'clicks', metric: {} }, 'type'],
    ['no type', { chatbotId, metric: {} }, 'type'],
    ['a type of the prototype', { chatbotId, type: 'constructor', metric: {} }, 'type'],
    ['no metric', { chatbotId, type: 'render' }, 'metric'],
    ['no chatbot', { type: 'render', metric: metrics.render }, 'chatbotId'],
    ['a malformed batch id', { chatbotId, batchId: 'x', type: 'render', metric: metrics.render }, 'batchId'],
    ['no metrics', { chatbotId, metrics: [] }, 'metrics'],
    ['metrics that are no list', { chatbotId, metrics: {} }, 'metrics'],
    [
      'a bad one of several',
      {
        chatbotId,
        metrics: [
          { type: 'render', metric: metrics.render },
          { type: 'render', metric: {} },
        ],
      },
      'metrics.1.metric.messageId',
    ],
    ['an unknown one of several', { chatbotId, metrics: [{ type: 'x', metric: {} }] }, 'metrics.0.type'],
  ])('%s', (_case, body, path) => {
    expect(pathsOf(metricsRequest.safeParse(body))[0]).toBe(path);
  });

  test.each([null, 'text', 5, []])('%o as a body', (body) => {
    expect(metricsRequest.safeParse(body).success).toBe(false);
  });

  test('more than 100 metrics', () => {
    const batchOf = (length: number) =>
      metricsRequest.safeParse({ chatbotId, metrics: Array.from({ length }, () => ({ type: 'render', metric: metrics.render })) });
    expect(batchOf(100).success).toBe(true);
    expect(pathsOf(batchOf(101))).toEqual(['metrics']);
  });
});

describe('when it was measured', () => {
  test.each([
    ['without a time, on receipt', undefined, now.getTime()],
    ['text', '2026-02-13T09:30:00.500+00:30', Date.parse('2026-02-13T09:00:00.500Z')],
    ['a number', now.getTime() - 1, now.getTime() - 1],
    ['5 minutes ahead', now.getTime() + 300_000, now.getTime() + 300_000],
    ['an hour ago', now.getTime() - 3_600_000, now.getTime() - 3_600_000],
  ])('%s', (_case, timestamp, at) => {
    expect(measured('render', { timestamp }).at).toBe(at);
  });

  test.each([now.getTime() - 3_600_001, 0, -1e300, '0001-01-01T00:00:00Z'])('%s is acknowledged and ignored', (timestamp) => {
    const request = metricsRequest.parse({ chatbotId, metrics: [{ type: 'render', metric: { ...metrics.render, timestamp } }] });
    expect(measurementsOf(request, now)).toEqual({ measurements: [], ignored: 1 });
  });

  test.each([now.getTime() + 300_001, 1e300, '9999-12-31T23:59:59Z'])('%s is refused', (timestamp) => {
    const refusal = (sent: unknown): unknown => {
      try {
        return measurementsOf(metricsRequest.parse(sent), now);
      } catch (error) {
        return error instanceof HttpError ? error.issues?.map(({ path }) => path) : error;
      }
    };
    const metric = { ...metrics.render, timestamp };
    expect(refusal({ chatbotId, type: 'render', metric })).toEqual(['metric.timestamp']);
    expect(
      refusal({
        chatbotId,
        metrics: [
          { type: 'render', metric: metrics.render },
          { type: 'render', metric },
        ],
      }),
    ).toEqual(['metrics.1.metric.timestamp']);
  });
});

describe('what is counted', () => {
  test.each([
    ['persistence', {}, { operation: 'save', value: 3_600_000, failed: false }],
    ['persistence', { success: false }, { failed: true, errorType: 'E' }],
    ['restoration', { success: false }, { value: 1, failed: true, messagesRestored: 100_000, errorType: 'E' }],
    ['navigation', { success: false }, { value: 1, failed: true, dataPreserved: true }],
    ['render', { renderTime: 16.5 }, { value: 16.5, failed: false }],
    ['scroll', {}, { value: 1000, jankFrames: 2, totalFrames: 1_000_000 }],
    ['memory', {}, { value: 2 ** 40 }],
    ['tabSync', { success: false }, { operation: 'reconcile', value: 1, failed: true }],
    ['api', { statusCode: 399 }, { failed: false, cached: true }],
    ['api', { statusCode: 400 }, { failed: true }],
    ['api', { statusCode: 0 }, { failed: true }],
    ['bundle', { size: 10.6, cached: true }, { value: 1, size: 11, cached: true }],
  ] as const)('of %s %o', (type, changes, expected) => {
    expect(measured(type, changes)).toMatchObject(expected);
  });

  test.each(['', 'with space', 'x'.repeat(65), 'ä', '"},{', 'a,b:c', 'line\nbreak'])('error type %o is other', (errorType) => {
    expect(measured('persistence', { success: false, errorType }).errorType).toBe('other');
  });

  test.each([
    ['a failed save', measured('persistence', { success: false }), 'save_failed'],
    ['a failed restore', measured('persistence', { operation: 'restore', success: false }), undefined],
    ['a save', measured('persistence'), undefined],
    ['a navigation without its data', measured('navigation', { dataPreserved: false }), 'navigation'],
    ['a failed navigation that kept its data', measured('navigation', { success: false }), undefined],
    ['a failed restoration', measured('restoration', { success: false }), undefined],
  ])('loss of data: %s', (_case, measurement, cause) => {
    expect(dataLossOf(measurement)).toBe(cause);
  });
});
