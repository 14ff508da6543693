import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range that systems give to outgoing connections (Linux from 32768, macOS and Windows from 49152). */
const range = { from: 15_000, to: 30_000 };
const tries = 100;
const given = new Set<number>();

/**
 * A TCP port on 127.0.0.1 for a server that is stopped and started again. A port from `freePort` would not do: while the server is
 * down, an outgoing connection may be given that port, even the one of a client that keeps trying, which is then connected to itself.
 */
export async function restartPort(): Promise<number> {
  for (let left = tries; left > 0; left -= 1) {
    const port = randomInt(range.from, range.to);
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port was found between ${range.from} and ${range.to} in ${tries} tries: stop some servers`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
