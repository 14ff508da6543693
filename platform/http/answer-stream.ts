import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** A body that is written while it is made, so that nobody holds the whole of it. */
export type StreamedBody = (out: AnswerStream) => Promise<void>;

export interface AnswerStream {
  /** Resolves when there is room for more; rejects when nobody takes the answer any more. */
  write: (text: string) => Promise<void>;
  /** Aborted when nobody takes the answer any more: stop what makes it. */
  signal: AbortSignal;
}

export interface StreamLimits {
  /** A client that has taken nothing for so long is given up. */
  stalledAfterMs: number;
  /** No answer takes longer. */
  longestMs: number;
  /** How long a stopping process lets answers run on. The whole stop takes 15 s at most. */
  graceMs: number;
}

export const streamLimits: StreamLimits = { stalledAfterMs: 30_000, longestMs: 15 * 60_000, graceMs: 5000 };

/** The client has left, or takes its answer too slowly. Nobody is left to tell. */
export class AnswerAbandonedError extends Error {
  override readonly name = 'AnswerAbandonedError';
}

export interface AnswerStreams {
  /**
   * Sends a body; `begin` sets the head of the answer, when the first bytes are there. Rejects when the body could not be made or was not
   * taken. If the head is out by then, the caller has to break the connection: a file that ends early must not pass for a whole one.
   */
  send: (response: ServerResponse, body: StreamedBody, begin: () => void) => Promise<void>;
  /** Ends every answer under way. */
  abortAll: (reason: Error) => void;
}

export function createAnswerStreams(limits: StreamLimits): AnswerStreams {
  const running = new Set<AbortController>();

  async function send(response: ServerResponse, body: StreamedBody, begin: () => void): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    const abandon = (why: string): void => controller.abort(new AnswerAbandonedError(why));
    const onClose = (): void => abandon('the client has left');
    const tooLong = setTimeout(() => abandon(`the answer took longer than ${limits.longestMs} ms`), limits.longestMs);

    /** The time of a write is the client's: whatever it does not take stays in the buffers. */
    async function untilTaken(event: 'drain' | 'finish'): Promise<void> {
      const stalled = setTimeout(() => abandon(`the client took nothing for ${limits.stalledAfterMs} ms`), limits.stalledAfterMs);
      try {
        await once(response, event, { signal });
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      } finally {
        clearTimeout(stalled);
      }
    }

    async function write(text: string): Promise<void> {
      signal.throwIfAborted();
      if (!response.headersSent) begin();
      if (!response.write(text)) await untilTaken('drain');
    }

    running.add(controller);
    response.once('close', onClose);
    if (response.closed) onClose();
    try {
      await body({ write, signal });
      signal.throwIfAborted();
      if (!response.headersSent) begin();
      response.end();
      if (!response.writableFinished) await untilTaken('finish');
    } catch (error) {
      // Whatever broke when the answer was given up broke because of it.
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(tooLong);
      response.off('close', onClose);
      running.delete(controller);
    }
  }

  return {
    send,
    abortAll: (reason) => {
      for (const controller of running) controller.abort(reason);
    },
  };
}

/** Writes rows as the items of a JSON array, brackets included. */
export async function writeJsonArray(out: AnswerStream, pages: AsyncIterable<readonly unknown[]>): Promise<void> {
  await out.write('[');
  let separator = '';
  for await (const rows of pages) {
    if (rows.length === 0) continue;
    await out.write(separator + rows.map((row) => JSON.stringify(row)).join(','));
    separator = ',';
  }
  await out.write(']');
}
