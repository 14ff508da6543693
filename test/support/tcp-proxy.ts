import { EventEmitter, once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { restartPort } from './restart-port.ts';

/**
 * - `pass`: bytes go through; what a blackhole held back is delivered first, as TCP would send it again.
 * - `blackhole`: connections are accepted and stay open, and nothing goes through, not even their end.
 * - `reset`: whatever is open and whoever comes is reset.
 * - `refuse`: whatever is open is closed, and nobody listens.
 * - `half-open`: whatever is open is forgotten, as by a gateway that was restarted: neither end hears anything any more. New connections pass.
 * - `latencyMs`: of a round trip, half of it in each direction.
 */
export type TcpProxyMode = 'pass' | 'blackhole' | 'reset' | 'refuse' | 'half-open' | { latencyMs: number };

export interface TcpProxy {
  readonly port: number;
  mode(mode: TcpProxyMode): void;
  /** Connections through which something can still go. */
  open(): number;
  close(): Promise<void>;
}

interface Link {
  ends: [Socket, Socket];
  forgotten: boolean;
}

/** A network between two programs, on 127.0.0.1, that can go wrong. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const port = await restartPort();
  const links = new Set<Link>();
  const changes = new EventEmitter().setMaxListeners(0);
  let mode: TcpProxyMode = 'pass';
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  function accept(client: Socket): void {
    if (mode === 'reset') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const link: Link = { ends: [client, upstream], forgotten: false };
    links.add(link);
    relay(client, upstream, link);
    relay(upstream, client, link);
    for (const end of link.ends) end.once('close', () => link.ends.every(({ destroyed }) => destroyed) && links.delete(link));
  }

  /** Everything of one direction in its order, each piece when the network lets it through. */
  function relay(from: Socket, to: Socket, link: Link): void {
    let before = Promise.resolve();
    const follow = (deliver: () => void): void => {
      const arrivedAt = performance.now();
      before = before.then(async () => {
        await passage(arrivedAt);
        if (!link.forgotten && !to.destroyed) deliver();
      });
    };
    from.on('data', (chunk: Buffer) => follow(() => to.write(chunk)));
    from.once('end', () => follow(() => to.end()));
    // The close that follows it is what the other end is told.
    from.on('error', () => undefined);
    from.once('close', (hadError) => follow(() => (hadError ? to.resetAndDestroy() : to.destroySoon())));
  }

  async function passage(arrivedAt: number): Promise<void> {
    while (mode === 'blackhole') await once(changes, 'mode');
    if (typeof mode === 'object') await delay(Math.max(0, arrivedAt + mode.latencyMs / 2 - performance.now()));
  }

  function endAll(end: (socket: Socket) => void): void {
    for (const { ends } of links) for (const socket of ends) end(socket);
  }

  return {
    port,
    open: () => [...links].filter(({ forgotten }) => !forgotten).length,
    mode: (next) => {
      mode = next;
      changes.emit('mode');
      if (next === 'reset') endAll((socket) => socket.resetAndDestroy());
      if (next === 'half-open') for (const link of links) link.forgotten = true;
      if (next === 'refuse') {
        server.close();
        endAll((socket) => socket.destroy());
      } else if (!server.listening) {
        server.listen(port, '127.0.0.1');
      }
    },
    close: async () => {
      endAll((socket) => socket.destroy());
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
