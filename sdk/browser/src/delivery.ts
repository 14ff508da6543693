import { guarded } from './guard.ts';
import { read, write } from './storage.ts';
import { sizeOf, type Envelope } from './visit.ts';

/** Events that go together. The events are JSON already: they are what they were when they were recorded. */
type Batch = [envelope: Envelope, events: string[], eventBytes: number];

export interface Delivery {
  add: (envelope: Envelope, event: string) => void;
  /** The page is hidden or left: everything out, now. */
  leave: () => void;
  /** Perhaps the network is back. */
  retry: () => void;
  /** Forgets everything, and takes nothing more. */
  stop: () => void;
}

/** The exporter takes 100 events; browsers take 64 KiB of all beacons and keepalive requests under way, envelopes of up to 16 KiB included. */
const maxEvents = 100;
const maxEventBytes = 44 * 1024;
/** While nothing can be sent: at most 1,000 events and half a megabyte. The oldest batch gives way. */
const maxBatches = 10;
const collectForMs = 3000;
/** Longer than the exporter makes anyone wait. */
const timeoutMs = 20_000;
const longestPauseMs = 300_000;
export const queueKey = 'wobs.queue';

/**
 * Sends batches one after the other, oldest first, and keeps each until it was answered. A batch is sent again as it was, with the ids of its events,
 * of which the exporter stores each once.
 */
export function createDelivery(url: string): Delivery {
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

  function send(): void {
    timer = 0;
    // Offline nothing is tried until the browser says that it is online.
    if (!navigator.onLine || !queue[0]) return;
    sending = queue[0];
    const timeout = new AbortController();
    timer = setTimeout(() => timeout.abort(), timeoutMs);
    // A text is sent as text/plain, which needs no preflight.
    fetch(url, { method: 'POST', body: bodyOf(sending), keepalive: true, credentials: 'omit', signal: timeout.signal }).then(
      ({ status, headers }) => settle(status, headers.get('retry-after')),
      () => settle(500),
    );
  }

  function settle(status: number, retryAfterSeconds?: string | null): void {
    const batch = sending;
    sending = undefined;
    wake();
    if (status === 429 || status >= 500) {
      failures += 1;
      const pauseMs = Math.min(longestPauseMs, Number(retryAfterSeconds) * 1000 || 0);
      notBefore = Date.now() + pauseMs;
      // All pages of a site fail at the same time; they must not come back at the same time.
      schedule(pauseMs + Math.random() * Math.min(longestPauseMs, 1000 * 2 ** failures));
    } else {
      // Stored; or refused for what it says, which stays so however often it is sent.
      failures = 0;
      queue = queue.filter((other) => other !== batch);
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

  schedule(0);
  return {
    add: (envelope, event) => {
      if (stopped) return;
      const bytes = sizeOf(event);
      let batch = queue[queue.length - 1];
      if (!batch || batch === sending || batch[0] !== envelope || batch[1].length >= maxEvents || batch[2] + bytes > maxEventBytes) {
        if (queue.length >= maxBatches) queue.splice(sending ? 1 : 0, 1);
        queue.push((batch = [envelope, [], 0]));
      }
      batch[1].push(event);
      batch[2] += bytes;
      schedule(collectForMs);
    },
    leave: () => {
      if (navigator.onLine && Date.now() >= notBefore) {
        // One that is under way goes on without the page.
        queue = queue.filter((batch) => batch === sending || !navigator.sendBeacon(url, bodyOf(batch)));
      }
      persist();
    },
    retry: () => {
      if (sending || Date.now() < notBefore) return;
      wake();
      schedule(0);
    },
    stop,
  };
}

// oxlint-disable-next-line typescript/restrict-template-expressions -- texts with commas between them, in the fewest bytes
const bodyOf = ([envelope, events]: Batch): string => `${JSON.stringify(envelope).slice(0, -1)},"events":[${events}]}`;
