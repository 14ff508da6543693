import { connect, type Socket } from 'node:net';

export interface HeldConnections {
  /** Still open, as far as this side knows. */
  open: () => number;
  /** Ends all of them. */
  release: () => void;
}

const openedAtOnce = 100;
const trickleEveryMs = 3000;

/** Keep-alive connections that have had an answer and ask for nothing more. */
export function holdIdle(url: string, count: number): Promise<HeldConnections> {
  return hold(url, count, (socket) => {
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    return new Promise((resolve) => socket.once('data', () => resolve()).once('close', () => resolve()));
  });
}

/** Requests whose body comes a byte at a time and never ends. */
export async function holdSlow(url: string, count: number): Promise<HeldConnections> {
  const timers: NodeJS.Timeout[] = [];
  const held = await hold(url, count, async (socket) => {
    socket.write('POST /widget/analytics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{');
    timers.push(setInterval(() => socket.writable && socket.write(' '), trickleEveryMs));
  });
  return {
    ...held,
    release: () => {
      for (const timer of timers) clearInterval(timer);
      held.release();
    },
  };
}

async function hold(url: string, count: number, begin: (socket: Socket) => Promise<void>): Promise<HeldConnections> {
  const port = Number(new URL(url).port);
  const sockets = new Set<Socket>();
  const open = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    await begin(socket);
    socket.resume();
  };
  for (let opened = 0; opened < count; opened += openedAtOnce) {
    await Promise.all(Array.from({ length: Math.min(openedAtOnce, count - opened) }, open));
  }
  return {
    open: () => sockets.size,
    release: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
