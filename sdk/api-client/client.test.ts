import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, portalToken, runApi, runExporter } from '../../test/support/services.ts';
import { createApiClient, type Schemas } from './client.ts';

const run = promisify(execFile);
const checkout = join(import.meta.dirname, '../..');

let database: TestDatabase;
let api: Awaited<ReturnType<typeof runApi>>;
let exporter: Awaited<ReturnType<typeof runExporter>>;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await runApi(database);
  exporter = await runExporter(database);
  await insertOrganization(database, { key: 'acme' });
  await insertOrganization(database, { key: 'shop', allowedDomains: ['example.com'] });
});
afterAll(async () => {
  await api.stop();
  await exporter.stop();
  await database.drop();
});

describe('the client', () => {
  test('reads what the document promises, with a token that it asks for before each request', async () => {
    let asked = 0;
    const client = createApiClient({
      baseUrl: api.url,
      token: () => {
        asked += 1;
        return portalToken('acme');
      },
    });
    const { data, error } = await client.GET('/portal/widget/health');
    expect(error).toBeUndefined();
    const health: Schemas['WidgetHealth'] | undefined = data;
    expect(health).toMatchObject({ status: 'NOT_CONNECTED', loads: { total: 0, failures: 0 }, lastSeenAt: null });
    await client.GET('/portal/widget/health');
    expect(asked).toBe(2);
  });

  test('returns an error with the codes of the operation', async () => {
    const { data, error, response } = await createApiClient({ baseUrl: api.url }).GET('/portal/widget/health');
    expect(data).toBeUndefined();
    expect(response.status).toBe(401);
    expect(error?.error).toMatchObject({ code: 'UNAUTHENTICATED', requestId: response.headers.get('x-request-id') });
    // @ts-expect-error this operation never answers it: the compiler knows
    expect(error?.error.code === 'ROW_REFUSED').toBe(false);
  });

  test('writes and loads at the exporter', async () => {
    const { key } = await createIngestKey(database.db, { orgKey: 'shop', name: 'test' });
    const { data: accepted } = await createApiClient({ baseUrl: exporter.url, token: key }).POST('/ingest/widget/messages', {
      body: { messages: [{ duration_ms: 420, role: 'assistant' }] },
    });
    expect(accepted).toMatchObject({ accepted: 1, duplicate: false });
    const { data: bootloader } = await createApiClient({ baseUrl: exporter.url }).GET('/api/bootloader', {
      params: { query: { orgKey: 'shop' }, header: { origin: 'https://example.com' } },
    });
    expect(bootloader?.org.key).toBe('shop');
  });
});

test('the example prints how the widget is, and an error by its code', async () => {
  const example = (token: string): Promise<{ stdout: string; stderr: string }> =>
    run(process.execPath, ['--import', 'tsx', 'sdk/api-client/example.ts', api.url, token], { cwd: checkout });
  expect((await example(await portalToken('acme'))).stdout).toBe('NOT_CONNECTED: 0 loads, 0 failed, p95 - ms\n');
  await expect(example('none')).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^UNAUTHENTICATED: .+ \(request .+\)\n$/) });
});

test('the package works for somebody who has nothing else of this project', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'consumer-'));
  try {
    const { stdout } = await run('npm', ['pack', '--json', '-w', 'sdk/api-client', '--pack-destination', folder], { cwd: checkout });
    const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as { filename: string; files: { path: string }[] }[];
    expect(packed?.files.map(({ path }) => path).toSorted()).toEqual([
      'README.md',
      'dist/client.d.ts',
      'dist/client.js',
      'dist/schema.d.ts',
      'package.json',
    ]);
    await run('tar', ['-xzf', join(folder, packed?.filename ?? '')], { cwd: folder });
    await mkdir(join(folder, 'node_modules/@widget-observability'), { recursive: true });
    await cp(join(folder, 'package'), join(folder, 'node_modules/@widget-observability/api-client'), { recursive: true });
    for (const name of ['openapi-fetch', 'openapi-typescript-helpers']) {
      await symlink(join(checkout, 'node_modules', name), join(folder, 'node_modules', name));
    }
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(
      join(folder, 'consumer.ts'),
      `import { createApiClient } from '@widget-observability/api-client';
const { data, error } = await createApiClient({ baseUrl: '${api.url}', token: '${await portalToken('acme')}' }).GET('/portal/widget/health');
const status: 'OK' | 'NEEDS_ATTENTION' | 'NOT_CONNECTED' | undefined = data?.status;
console.log(status ?? error);
`,
    );
    const compile = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom', 'consumer.ts'];
    await run(process.execPath, [join(checkout, 'sdk/api-client/node_modules/typescript/bin/tsc'), ...compile], { cwd: folder });
    expect((await run(process.execPath, ['consumer.js'], { cwd: folder })).stdout).toBe('NOT_CONNECTED\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
