import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { digestOf } from '../auth/secrets.ts';
import { createLogger } from '../log.ts';
import { DatabaseUnavailableError } from '../postgres/errors.ts';
import { openPool, type Pool, type Queryable } from '../postgres/pool.ts';
import { createCachedLookup } from './cached-lookup.ts';
import { createDirectory, type Directory } from './directory.ts';

const log = createLogger({ service: 'exporter', level: 'silent' });
const start = new Date('2026-02-06T12:00:00.000Z').getTime();

let database: TestDatabase;
let pool: Pool;
let clock: number;
let reads: number;
let directory: Directory;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_exporter'),
    max: 4,
    applicationName: 'test',
    statementTimeoutMs: 2000,
    log,
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(() => {
  clock = start;
  reads = 0;
  const counting: Queryable = {
    query: (statement, values) => {
      reads += 1;
      return pool.query(statement, values);
    },
  };
  directory = createDirectory({ db: counting, now: () => new Date(clock), log });
});

const organization = (options: Partial<Parameters<typeof insertOrganization>[1]> = {}): ReturnType<typeof insertOrganization> => {
  unique += 1;
  return insertOrganization(database, { key: `org-${unique}`, ...options });
};

async function duringOutage(work: () => Promise<void>): Promise<void> {
  await database.refuseConnections();
  try {
    await work();
  } finally {
    await database.acceptConnections();
  }
}

describe('an organization', () => {
  test('is found by key and by site id, inactive or not', async () => {
    const { id, key, siteId } = await organization({ name: 'Acme', columns: { is_active: false, position: 'left' } });
    expect(await directory.organizationByKey(key)).toMatchObject({
      id,
      key,
      siteId,
      name: 'Acme',
      isActive: false,
      widget: { position: 'left' },
    });
    expect(await directory.organizationBySiteId(siteId)).toMatchObject({ id });
    expect(await directory.organizationByKey('nobody')).toBeUndefined();
  });

  test('is cached for 60 s', async () => {
    const { id, key } = await organization();
    await directory.organizationByKey(key);
    await database.query('update organizations set name = $2 where id = $1', [id, 'renamed']);
    clock += 59_999;
    expect((await directory.organizationByKey(key))?.name).toBe(key);
    clock += 1;
    expect((await directory.organizationByKey(key))?.name).toBe('renamed');
    expect(reads).toBe(2);
  });

  test('that is not there is looked for again after 10 s', async () => {
    unique += 1;
    const key = `org-${unique}`;
    expect(await directory.organizationByKey(key)).toBeUndefined();
    await insertOrganization(database, { key });
    clock += 9_999;
    expect(await directory.organizationByKey(key)).toBeUndefined();
    clock += 1;
    expect(await directory.organizationByKey(key)).toBeDefined();
  });

  test('that many ask for at once is read once', async () => {
    const { key } = await organization();
    await Promise.all(Array.from({ length: 50 }, () => directory.organizationByKey(key)));
    expect(reads).toBe(1);
  });

  test('with NULL among its domains does no harm', async () => {
    const { id, key } = await organization({ allowedDomains: ['example.com'] });
    await database.query('update organizations set allowed_domains = array_append(allowed_domains, null) where id = $1', [id]);
    expect((await directory.organizationByKey(key))?.allowlist.allows({ host: 'example.com', port: 443 })).toBe(true);
    await directory.load();
    expect(directory.isLoaded()).toBe(true);
  });
});

describe('while the database is unreachable', () => {
  test('what is cached is served for an hour, and no longer', async () => {
    const { key } = await organization();
    await directory.organizationByKey(key);
    await duringOutage(async () => {
      clock = start + 59 * 60_000;
      expect(await directory.organizationByKey(key)).toBeDefined();
      clock = start + 60 * 60_000;
      await expect(directory.organizationByKey(key)).rejects.toBeInstanceOf(DatabaseUnavailableError);
    });
    clock += 1000;
    expect(await directory.organizationByKey(key)).toBeDefined();
  });

  test('what is not cached is an error and not "unknown", and is found a second after recovery', async () => {
    const { key } = await organization();
    await duringOutage(async () => {
      await expect(directory.organizationByKey(key)).rejects.toBeInstanceOf(DatabaseUnavailableError);
    });
    clock += 1000;
    expect(await directory.organizationByKey(key)).toBeDefined();
  });

  test('unknown keys, which anybody can make up, push out nothing that must survive', async () => {
    const lookup = createCachedLookup<string>({ now: () => new Date(clock), read: () => Promise.resolve(undefined) });
    lookup.put('known', 'value');
    for (let number = 0; number < 110_000; number += 1) await lookup.get(`unknown-${number}`);
    expect(await lookup.get('known')).toBe('value');
  });

  test('a clock that is set back makes nothing fresh, and an error of the future does not last', async () => {
    const { key } = await organization();
    await duringOutage(async () => {
      await expect(directory.organizationByKey(key)).rejects.toBeInstanceOf(DatabaseUnavailableError);
    });
    clock -= 3_600_000;
    expect(await directory.organizationByKey(key)).toMatchObject({ name: key });
    clock += 30_000;
    await database.query('update organizations set name = $2 where key = $1', [key, 'renamed']);
    clock -= 3_600_000;
    expect((await directory.organizationByKey(key))?.name).toBe('renamed');
  });

  test('the database is asked at most once a second', async () => {
    const keys = await Promise.all([organization(), organization(), organization()]);
    await duringOutage(async () => {
      for (const { key } of keys) await expect(directory.organizationByKey(key)).rejects.toBeInstanceOf(DatabaseUnavailableError);
      expect(reads).toBe(1);
    });
  });
});

test('load reads every organization, page by page, so that none needs a look-up', async () => {
  await database.query(
    `insert into organizations (key, site_id, name) select 'page-' || n, 'site_' || lpad(n::text, 16, '0'), 'n' from generate_series(1, 2100) n`,
  );
  expect(directory.isLoaded()).toBe(false);
  await directory.load();
  expect(directory.isLoaded()).toBe(true);
  const before = reads;
  for (const number of [1, 1000, 1001, 2100]) {
    expect(await directory.organizationByKey(`page-${number}`)).toBeDefined();
    expect(await directory.organizationBySiteId(`site_${String(number).padStart(16, '0')}`)).toBeDefined();
  }
  expect(reads).toBe(before);
});

describe('an ingest key', () => {
  test('belongs to its organization until it is revoked', async () => {
    const { id: orgId, key: orgKey } = await organization();
    const { id: keyId, key } = await createIngestKey(database.db, { orgKey, name: 'k' });
    expect(await directory.ingestKeyOwner(digestOf(key))).toEqual({ keyId, orgId });
    await database.query('update ingest_keys set revoked_at = now() where id = $1', [keyId]);
    clock += 60_000;
    expect(await directory.ingestKeyOwner(digestOf(key))).toBeUndefined();
  });
});

test('a chatbot is found by its id in either case', async () => {
  const { id: orgId, key: orgKey } = await organization();
  await database.query(`insert into chatbots (id, org_id, name) values ('3f0c0000-0000-4000-8000-00000000000a', $1, 'c')`, [orgId]);
  expect(await directory.chatbot('3F0C0000-0000-4000-8000-00000000000A')).toEqual({
    id: '3f0c0000-0000-4000-8000-00000000000a',
    orgId,
    orgKey,
  });
});
