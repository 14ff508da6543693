import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startDnsServer, type DnsServer } from '../../test/support/dns-server.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { resolveByDns, resolveLikeTheMachine, type ResolveHost } from './resolve-host.ts';

const names: Readonly<Record<string, readonly string[] | 'silence'>> = {
  'both.example': ['203.0.113.7', '2001:db8::7', '203.0.113.8'],
  'four.example': ['203.0.113.7'],
  'six.example': ['2001:db8::7'],
  'neither.example': [],
  'silent.example': 'silence',
};

let server: DnsServer;
let resolve: ResolveHost;

beforeAll(async () => {
  server = await startDnsServer((name) => names[name.toLowerCase()]);
  resolve = resolveByDns([server.address]);
});
beforeEach(() => {
  server.questions.length = 0;
});
afterAll(() => server.close());

const never = new AbortController().signal;

test.each([
  ['both.example', ['203.0.113.7', '203.0.113.8', '2001:db8::7']],
  ['four.example', ['203.0.113.7']],
  ['six.example', ['2001:db8::7']],
])('%s has %j: addresses of both families, where there are any', async (name, addresses) => {
  expect(await resolve(name, never)).toEqual(addresses);
  expect(server.questions.toSorted()).toEqual([`${name} A`, `${name} AAAA`]);
});

test.each([
  ['missing.example', 'ENOTFOUND'],
  ['neither.example', 'ENODATA'],
])('%s is refused with %s', async (name, code) => {
  await expect(resolve(name, never)).rejects.toMatchObject({ code });
});

test('names of this machine are not asked for', async () => {
  for (const name of ['localhost', 'LOCALHOST', 'localhost.', 'shop.localhost', 'shop.localhost.']) {
    expect(await resolve(name, never)).toEqual(['127.0.0.1', '::1']);
  }
  expect(server.questions).toEqual([]);
});

test('a server that does not answer is waited for until the signal, and then no longer', async () => {
  const ending = new AbortController();
  const answer = resolve('silent.example', ending.signal);
  const outcome = expect(answer).rejects.toMatchObject({ code: 'ECANCELLED' });
  await waitUntil(() => server.questions.length > 0, { within: 20_000 });
  ending.abort();
  await outcome;
  const asked = server.questions.length;
  await expect(resolve('silent.example', ending.signal)).rejects.toMatchObject({ name: 'AbortError' });
  expect(server.questions).toHaveLength(asked);
});

test('many names whose servers are silent hold up no other name', async () => {
  const endings = Array.from({ length: 20 }, () => new AbortController());
  const outcomes = Promise.allSettled(endings.map(({ signal }) => resolve('silent.example', signal)));
  expect(await resolve('four.example', never)).toEqual(['203.0.113.7']);
  for (const ending of endings) ending.abort();
  expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true);
});

test('the machine knows itself', async () => {
  expect(await resolveLikeTheMachine('localhost', never)).toEqual(expect.arrayContaining([expect.stringMatching(/^(127\.|::1)/)]));
});
