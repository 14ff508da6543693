import { connect } from 'node:net';

export interface RawAnswers {
  /** Everything that came back. */
  text: string;
  statuses: number[];
}

export interface ExchangeOptions {
  /** Ends the own half of the connection after the last part. */
  halfClose?: boolean;
}

const closedWithinMs = 55_000;

/** Writes bytes as they are and resolves when the server has closed the connection, with everything that it answered. */
export function exchange(
  url: string,
  parts: readonly (string | Buffer)[],
  { halfClose = false }: ExchangeOptions = {},
): Promise<RawAnswers> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(portOf(url), '127.0.0.1', () => {
      for (const part of parts) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
      if (halfClose) socket.end();
    });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the server left the connection open after it had answered: ${text.slice(0, 500)}`));
    }, closedWithinMs);
    socket.on('data', (data) => (text += data.toString('latin1')));
    // A reset ends it as well; what came before it counts.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ text, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)) });
    });
  });
}

/** Writes bytes and breaks the connection as soon as they are gone, without waiting for anything. */
export function abandon(url: string, bytes: string | Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(portOf(url), '127.0.0.1', () => {
      socket.write(bytes, () => socket.resetAndDestroy());
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
  });
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
