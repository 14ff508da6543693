import { lookup, Resolver } from 'node:dns/promises';

/** The addresses of a host name. Rejects when there are none; gives up when the signal is aborted, if it can. */
export type ResolveHost = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** As the machine does it, hosts file included. It takes one of libuv's four threads for as long as it lasts, and cannot be given up. */
export const resolveLikeTheMachine: ResolveHost = async (hostname) =>
  (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address);

/**
 * By DNS alone. Not dns.lookup: four names whose servers do not answer would hold all threads of libuv, and everybody else's names would
 * wait for theirs.
 * @param servers of the machine when left out
 */
export function resolveByDns(servers?: readonly string[]): ResolveHost {
  return async (hostname, signal) => {
    // RFC 6761, 6.3: never asked of a server.
    if (/^(.+\.)?localhost\.?$/i.test(hostname)) return ['127.0.0.1', '::1'];
    signal.throwIfAborted();
    const resolver = new Resolver();
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
      // Most shops have no IPv6 address, some have no IPv4 address: neither is a failure.
      if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
      return [four, six].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}
