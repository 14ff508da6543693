import { between, happens, oneOf, scattered } from './chance.ts';

/** A metric as performance.js sends it. Contract: widget-performance, POST /api/monitoring/widget. */
export interface SentMetric {
  type: string;
  metric: Record<string, unknown>;
}

/** How a widget feels: `slow` renders slowly, and its API fails; `waiting` gets its answers late. */
export type Feeling = 'well' | 'slow' | 'waiting';

const typical = {
  well: { renderMs: 6, apiMs: 150, apiErrorShare: 0.001, fps: 59, lateFrameShare: 0.02, unsyncedShare: 0 },
  slow: { renderMs: 22, apiMs: 300, apiErrorShare: 0.08, fps: 51, lateFrameShare: 0.08, unsyncedShare: 0.15 },
  waiting: { renderMs: 6, apiMs: 700, apiErrorShare: 0.001, fps: 59, lateFrameShare: 0.02, unsyncedShare: 0.05 },
} as const;

const mebibyte = 1024 ** 2;
const bundles = { 'chat.js': 180_000, 'emoji.js': 60_000 };

/** What a page measures while it comes up: its scripts, and the conversation of the page before. */
export function measuresOfArrival(): SentMetric[] {
  const loads = Object.values(bundles).map((size) => {
    const cached = happens(0.7);
    return metric('bundle', { bundleName: '-', loadTime: scattered(cached ? 15 : 300, 0.5), size, cached });
  });
  const ids = { sessionId: '-', conversationId: '-' };
  return [
    ...loads,
    metric('restoration', { ...ids, success: true, duration: scattered(80, 0.3), messagesRestored: between(0, 30) }),
    metric('navigation', { sessionId: '-', fromPage: '', toPage: '', success: true, dataPreserved: true, duration: scattered(30, 0.4) }),
    persistence('restore', 0.02),
    heap(),
  ];
}

/** What it measures in a few seconds of a chat. */
export function measuresOfChat(feeling: Feeling): SentMetric[] {
  return [
    ...times(between(1, 3), () =>
      metric('render', { messageId: '-', contentLength: 0, renderTime: scattered(typical[feeling].renderMs, 0.35) }),
    ),
    ...times(between(1, 3), () => apiCall(feeling)),
    ...times(between(1, 2), () => {
      const operation = oneOf(['save', 'save', 'save', 'sync', 'delete', 'navigation']);
      return persistence(operation, operation === 'sync' ? typical[feeling].unsyncedShare : 0);
    }),
    ...times(between(0, 1), () => scroll(feeling)),
    ...times(between(0, 1), tabSync),
    ...(happens(0.2) ? [heap()] : []),
  ];
}

const metric = (type: string, fields: Record<string, unknown>): SentMetric => ({ type, metric: fields });

/** A save that fails would be a loss of data: none does. */
function persistence(operation: string, failedShare: number): SentMetric {
  const fails = happens(failedShare);
  const errorType = oneOf(['SecurityError', 'QuotaExceededError']);
  return metric('persistence', { operation, success: !fails, duration: scattered(35, 0.5), ...(fails ? { errorType } : {}) });
}

function apiCall(feeling: Feeling): SentMetric {
  const { apiMs, apiErrorShare } = typical[feeling];
  const unstored = { endpoint: '', method: '' };
  if (happens(apiErrorShare)) {
    return metric('api', {
      ...unstored,
      statusCode: oneOf([500, 502, 0]),
      duration: scattered(apiMs, 0.5),
      cached: false,
      errorType: 'ApiError',
    });
  }
  const cached = happens(0.5);
  return metric('api', { ...unstored, statusCode: 200, duration: scattered(cached ? 4 : apiMs, 0.4), cached });
}

function scroll(feeling: Feeling): SentMetric {
  const totalFrames = between(40, 120);
  const { fps, lateFrameShare } = typical[feeling];
  return metric('scroll', {
    fps: Math.min(60, scattered(fps, 0.02)),
    frameTime: 0,
    jankFrames: Math.round(totalFrames * lateFrameShare),
    totalFrames,
  });
}

const tabSync = (): SentMetric =>
  metric('tabSync', { operation: oneOf(['broadcast', 'receive', 'reconcile']), success: true, latency: scattered(7, 0.5), dataSize: 0 });

const heap = (): SentMetric => metric('memory', { heapUsed: Math.round(scattered(22 * mebibyte, 0.15)), heapTotal: 0 });

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
