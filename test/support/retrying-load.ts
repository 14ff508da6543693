import { setTimeout as delay } from 'node:timers/promises';
import { NoAnswerError, NoConnectionError, openConnection, outcomeOf, type HttpAnswer, type HttpConnection } from './http-connection.ts';
import { waitUntil } from './wait-until.ts';

export interface SentBatch {
  acknowledged: boolean;
  /** Refused for good ({@link RetryingLoadOptions.isRefusal}): it was not sent again. */
  refused?: boolean;
}

export interface RetryingLoadOptions<Batch extends SentBatch> {
  url: string;
  /** Clients, each with one request under way. */
  connections: number;
  newBatch: (client: number) => Batch;
  send: (connection: HttpConnection, batch: Batch) => Promise<HttpAnswer>;
  /** The status that acknowledges a batch. */
  acknowledgedBy: number;
  /** Left out: 25 ms. */
  retryAfterMs?: number;
  onAcknowledged?: (batch: Batch, answer: HttpAnswer) => void;
  /** Whether an answer refuses a batch for good. Left out: every batch is sent until it is acknowledged. */
  isRefusal?: (answer: HttpAnswer) => boolean;
  onRefused?: (batch: Batch, answer: HttpAnswer) => void;
  /** It has to be sent again, and may have been stored all the same. */
  onDoubt?: (batch: Batch, reason: 'no answer' | 'unavailable') => void;
}

export interface RetryingLoad<Batch extends SentBatch> {
  /** Every batch that was sent at least once. */
  readonly batches: readonly Batch[];
  /** How often a connection broke between request and answer; the batch was then sent again. */
  unknownOutcomes(): number;
  /** Answers by {@link outcomeOf}. */
  readonly answers: ReadonlyMap<string, number>;
  /** performance.now() of the acknowledgement that comes next. */
  nextAcknowledgement(): Promise<number>;
  /** Begins no more batches; resolves when every one that was begun is acknowledged or refused. */
  finish(options: { within: number }): Promise<void>;
  /** Sends some acknowledged batches again; answers the answers. */
  replay(count: number): Promise<HttpAnswer[]>;
  /** Ends all connections, whatever is under way. */
  abandon(): void;
}

/** Well below the Retry-After of any 503: the test shall see the first moment at which it works again. */
const usualRetryMs = 25;

/**
 * Clients, each on a connection of its own, that send a batch until it is acknowledged or refused, always the same one, as the contracts ask
 * of clients: after 503, and after a connection that broke with the outcome unknown.
 */
export function startRetryingLoad<Batch extends SentBatch>(options: RetryingLoadOptions<Batch>): RetryingLoad<Batch> {
  const {
    url,
    connections,
    newBatch,
    send,
    acknowledgedBy,
    onAcknowledged,
    isRefusal,
    onRefused,
    onDoubt,
    retryAfterMs = usualRetryMs,
  } = options;
  const batches: Batch[] = [];
  const answers = new Map<string, number>();
  const open: HttpConnection[] = [];
  let unknownOutcomes = 0;
  let waiting: ((at: number) => void)[] = [];
  let finishing = false;
  let abandoned = false;

  async function runClient(client: number): Promise<void> {
    const connection = openConnection(url);
    open.push(connection);
    while (!finishing) {
      const batch = newBatch(client);
      batches.push(batch);
      while (!batch.acknowledged && batch.refused !== true && !abandoned) await trySend(connection, batch);
    }
    connection.close();
  }

  async function trySend(connection: HttpConnection, batch: Batch): Promise<void> {
    try {
      const answer = await send(connection, batch);
      const outcome = outcomeOf(answer);
      answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
      if (answer.status === acknowledgedBy) {
        batch.acknowledged = true;
        onAcknowledged?.(batch, answer);
        for (const resolve of waiting) resolve(performance.now());
        waiting = [];
        return;
      }
      if (isRefusal?.(answer) === true) {
        batch.refused = true;
        onRefused?.(batch, answer);
        return;
      }
      onDoubt?.(batch, 'unavailable');
    } catch (error) {
      if (error instanceof NoAnswerError) {
        unknownOutcomes += 1;
        onDoubt?.(batch, 'no answer');
      } else if (!(error instanceof NoConnectionError)) throw error;
    }
    await delay(retryAfterMs);
  }

  const allEnded = Promise.all(Array.from({ length: connections }, (_, client) => runClient(client)));
  let ended = false;
  // What failed is thrown by finish.
  const end = (): void => void (ended = true);
  allEnded.then(end, end);

  return {
    batches,
    answers,
    unknownOutcomes: () => unknownOutcomes,
    nextAcknowledgement: () => new Promise((resolve) => waiting.push(resolve)),
    finish: async ({ within }) => {
      finishing = true;
      await waitUntil(() => ended, { within, what: 'the acknowledgement of every batch' });
      await allEnded;
    },
    replay: async (count) => {
      const connection = openConnection(url);
      const stored = batches.filter(({ acknowledged }) => acknowledged);
      const picked = stored.filter((_batch, index) => index % Math.ceil(stored.length / count) === 0);
      const replies: HttpAnswer[] = [];
      for (const batch of picked) replies.push(await send(connection, batch));
      connection.close();
      return replies;
    },
    abandon: () => {
      finishing = true;
      abandoned = true;
      for (const connection of open) connection.close();
    },
  };
}
