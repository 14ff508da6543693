import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { runExporter } from '../test/support/services.ts';
import { readBrowserScripts } from './browser-sdk.ts';

const committed = join(import.meta.dirname, 'browser-sdk');

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let script: Buffer;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database);
  script = await readFile(join(committed, 'widget.js'));
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

const load = (file = 'widget.js', headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${exporter.url}/sdk/v1/${file}`, { headers });

/** As fetch does not show it: undecoded. */
function loadEncoded(acceptEncoding?: string): Promise<{ encoding: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding };
    get(`${exporter.url}/sdk/v1/widget.js`, { headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ encoding: answer.headers['content-encoding'], body: Buffer.concat(chunks) }));
    }).on('error', reject);
  });
}

describe('GET /sdk/v1/widget.js', () => {
  test('is the committed script, for pages of every origin, and kept for an hour', async () => {
    const response = await load();
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(script.toString());
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=3600, stale-while-revalidate=86400',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'timing-allow-origin': '*',
      vary: 'Accept-Encoding',
      'x-content-type-options': 'nosniff',
    });
  });

  test('is named by its content beside it, where it may be kept for ever', async () => {
    const pinned = (await load()).headers.get('content-location') ?? '';
    expect(pinned).toBe(`widget.${createHash('sha256').update(script).digest('hex').slice(0, 12)}.js`);
    const response = await load(pinned);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(await response.text()).toBe(script.toString());
  });

  test('is not sent again to who has it', async () => {
    const etag = (await load()).headers.get('etag') ?? '';
    for (const known of [etag, etag.replace('W/', ''), `"other", ${etag}`, '*']) {
      const response = await load('widget.js', { 'if-none-match': known });
      expect([response.status, await response.text(), response.headers.get('etag')], known).toEqual([304, '', etag]);
    }
    expect((await load('widget.js', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  test.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['GZIP;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0.0', undefined],
    ['identity', undefined],
    [undefined, undefined],
  ])('is compressed as the caller takes it: %s', async (accepted, expected) => {
    const { encoding, body } = await loadEncoded(accepted);
    expect(encoding).toBe(expected);
    const decode = { br: brotliDecompressSync, gzip: gunzipSync }[encoding ?? ''] ?? ((bytes: Buffer) => bytes);
    expect(decode(body).equals(script)).toBe(true);
  });

  test('is one of two, and nothing else is there', async () => {
    expect((await load('performance.js')).status).toBe(200);
    for (const file of ['metrics.js', 'widget.000000000000.js', '..%2fbrowser-sdk.ts', '%2e%2e%2fmain.ts', 'constructor']) {
      expect((await load(file)).status, file).toBe(404);
    }
  });
});

test('a script of an earlier release is served under its own name only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'scripts-'));
  try {
    await cp(join(committed, 'widget.js'), join(folder, 'widget.js'));
    await cp(join(committed, 'widget.js'), join(folder, 'widget.0123456789ab.js'));
    const scripts = readBrowserScripts(pathToFileURL(`${folder}/`));
    expect([...scripts.keys()].toSorted()).toEqual(['widget.0123456789ab.js', expect.stringMatching(/^widget\.\w{12}\.js$/), 'widget.js']);
    expect(scripts.get('widget.0123456789ab.js')?.headers).toMatchObject({ 'Cache-Control': 'public, max-age=31536000, immutable' });
  } finally {
    await rm(folder, { recursive: true });
  }
});
