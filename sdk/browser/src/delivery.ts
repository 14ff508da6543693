import { guarded } from './guard.ts';
import { read, write } from './storage.ts';
import { sizeOf } from './visit.ts';

/**
 * Items that go together. They are JSON already: they are what they were when they were recorded. One whose envelope was replaced, by one with an id, takes
 * no more items: who counts a batch once must find the same in it each time.
 */
export type Batch = [envelope: object, items: string[], itemBytes: number, begunAt: number];

export interface Delivery {
  add: (envelope: object, item: string) => void;
  /** Forgets everything, and takes nothing more. */
  stop: () => void;
}

/** The exporter takes 100 items; browsers take 64 KiB of all beacons and keepalive requests under way, envelopes of up to 16 KiB included. */
const maxItems = 100;
const maxItemBytes = 45_000;
/** While nothing can be sent: at most 1,000 items and half a megabyte. The oldest batch gives way. */
const maxBatches = 10;
const collectForMs = 3000;
/** Longer than the exporter makes anyone wait. */
const timeoutMs = 20_000;
const longestPauseMs = 300_000;

/**
 * Sends batches one after the other, oldest first, and keeps each until it was answered. A batch is sent again as it was, with the ids in it, of which
 * the exporter stores each once.
 * @param queueKey under which the queue outlives the page
 * @param keptMs how long a batch may wait; without it, for ever
 */
export function createDelivery(url: string, queueKey: string, bodyOf: (batch: Batch) => string, keptMs?: number): Delivery {
  /** What an earlier page of this tab could not send. */
  let queue = ([] as Batch[]).concat((read('sessionStorage', queueKey) || []) as Batch[]);
  let sending: Batch | undefined;
  /** Until the next batch is sent, or the one under way is given up. */
  let timer = 0;
  let failures = 0;
  /** Before this time the exporter wants to hear nothing. */
  let notBefore = 0;
  let stopped = false;

  function schedule(afterMs: number): void {
    if (!timer && queue[0]) timer = setTimeout(guarded(send), afterMs);
  }

  /** Forgets what has waited for too long, and what can be handed to the browser if that is asked for. */
  function sift(leaving?: boolean): void {
    queue = queue.filter(
      (batch) =>
        batch === sending || !(Date.now() - batch[3] > (keptMs as number) || (leaving && navigator.sendBeacon(url, bodyOf(batch)))),
    );
  }

  function send(): void {
    timer = 0;
    sift();
    // Offline nothing is tried until the browser says that it is online.
    if (!navigator.onLine || !queue[0]) return;
    sending = queue[0];
    const timeout = new AbortController();
    timer = setTimeout(() => timeout.abort(), timeoutMs);
    // A text is sent as text/plain, which needs no preflight.
    fetch(url, { method: 'POST', body: bodyOf(sending), keepalive: true, credentials: 'omit', signal: timeout.signal })
      // Until it is read to its end the request counts as under way, of which there may be 64 KiB.
      .then((response) => response.text().then(() => settle(response.status, response.headers.get('retry-after'))))
      .catch(() => settle(500));
  }

  function settle(status: number, retryAfterSeconds?: string | null): void {
    sending = undefined;
    wake();
    if (status === 429 || status >= 500) {
      failures += 1;
      const pauseMs = Math.min(longestPauseMs, (retryAfterSeconds as unknown as number) * 1000 || 0);
      notBefore = Date.now() + pauseMs;
      // All pages of a site fail at the same time; they must not come back at the same time.
      schedule(pauseMs + Math.random() * Math.min(longestPauseMs, 1000 * 2 ** failures));
    } else {
      // Stored; or refused for what it says, which stays so however often it is sent.
      failures = 0;
      // What is under way is the first one, unless all were forgotten meanwhile.
      queue.shift();
      // This chatbot may not be reported from here; the next page tries again.
      if (status === 403 || status === 404) stop();
      schedule(0);
    }
    persist();
  }

  function wake(): void {
    clearTimeout(timer);
    timer = 0;
  }

  /** For the next page of this tab. What is under way as well: nobody will hear of its end. */
  function persist(): void {
    write('sessionStorage', queueKey, queue[0] && queue);
  }

  function stop(): void {
    queue = [];
    stopped = true;
  }

  /** The page is hidden or left: everything out, now. */
  const leave = guarded(() => {
    // One that is under way goes on without the page.
    sift(navigator.onLine && Date.now() >= notBefore);
    persist();
  });
  addEventListener('pagehide', leave);
  addEventListener('visibilitychange', leave);
  // Perhaps the network is back.
  addEventListener('online', () => {
    if (sending || Date.now() < notBefore) return;
    wake();
    schedule(0);
  });

  schedule(0);
  return {
    add: (envelope, item) => {
      if (stopped) return;
      const bytes = sizeOf(item);
      let batch = queue[queue.length - 1];
      if (!batch || batch === sending || batch[0] !== envelope || batch[1].length >= maxItems || batch[2] + bytes > maxItemBytes) {
        if (queue.length >= maxBatches) queue.splice(sending ? 1 : 0, 1);
        queue.push((batch = [envelope, [], 0, Date.now()]));
      }
      batch[1].push(item);
      batch[2] += bytes;
      schedule(collectForMs);
    },
    stop,
  };
}
