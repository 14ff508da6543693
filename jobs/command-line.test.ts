import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { freePort } from '../test/support/free-port.ts';
import { runCommandProcess, type Ended } from '../test/support/run-command.ts';
import { createPastEventDays, insertChatbot, storeSessions } from '../test/support/widget-rows.ts';
import { addDays, utcDayOf } from '../platform/time/utc-day.ts';
import { unseal } from '../platform/auth/sealed.ts';
import { digestOf } from '../platform/auth/secrets.ts';
import { tryAdvisoryLock } from '../platform/postgres/advisory-lock.ts';
import { createIngestKey, createOrganization, setCustomerConfig } from './provisioning.ts';

let database: TestDatabase;
const encryptionKey = randomBytes(32);

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const run = (command: string, args: string[] = [], environment: Record<string, string> = {}): Promise<Ended> =>
  runCommandProcess(database, command, { args, environment });

const commands = [
  'chatbots-create',
  'customer-configs-rotate-keys',
  'customer-configs-set',
  'ingest-keys-create',
  'ingest-keys-revoke',
  'jobs-run',
  'marketing-purge',
  'migrate',
  'orgs-create',
  'role-logins-set',
  'rollups-backfill',
  'rollups-discrepancy',
  'rollups-run',
  'rollups-status',
  'widget-stats-backfill',
];

describe.concurrent('every command', () => {
  test.each(commands)('%s --help explains itself and succeeds without a database', async (command) => {
    const { code, stdout, stderr } = await run(command, ['--help'], { DATABASE_URL_JOBS: '' });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`usage: ${command}`);
  });

  test.each<[what: string, command: string, args: string[], message: string]>([
    ['a repeated flag', 'orgs-create', ['--key=acme', '--key=beta', '--name=Acme'], '--key= is given twice'],
    ['an unknown flag', 'orgs-create', ['--key=acme', '--name=Acme', '--colour=red'], '--colour'],
    ['a flag and its value apart', 'orgs-create', ['--key', 'acme', '--name', 'Acme'], '--key: flags are written --name=value'],
    ['a short flag', 'orgs-create', ['-k=acme'], '-k=acme: flags are written --name=value'],
    ['an empty value', 'orgs-create', ['--key=acme', '--name='], '--name= is required'],
  ])('%s is refused with its usage: %s', async (_what, command, args, message) => {
    const { code, stdout, stderr } = await run(command, args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).toContain(`usage: ${command}`);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(await database.query('select from organizations where key = $1', ['acme'])).toEqual([]);
  });

  test.each<[command: string, args: string[], message: string]>([
    ['orgs-create', ['--key=Not-A-Key', '--name=Acme'], 'lower-case letters'],
    ['orgs-create', ['--key=domains', '--name=Acme', '--domains=example.com,https://example.org'], 'https://example.org'],
    ['ingest-keys-revoke', ['--id=one'], 'must be a UUID'],
    ['jobs-run', ['--job=no-such-job'], 'must be one of partitions-maintain'],
    ['widget-stats-backfill', ['--from=2026-02-30', '--to=2026-03-01'], 'must be a day such as 2026-02-13'],
    [
      'customer-configs-set',
      ['--org=a', '--domain=https://shop.example.com', '--woocommerce-url=https://shop.example.com'],
      'must be a domain',
    ],
    [
      'customer-configs-set',
      ['--org=a', '--domain=shop.example.com', '--woocommerce-url=ftp://shop.example.com'],
      'must be an http or https URL',
    ],
    [
      'customer-configs-set',
      ['--org=a', '--domain=shop.example.com', '--woocommerce-url=https://me:secret@shop.example.com'],
      'without credentials',
    ],
    ['chatbots-create', ['--org=nobody', '--name=Bot'], 'no organization with the key nobody: create it with orgs-create'],
    ['ingest-keys-revoke', [`--id=${randomUUID()}`], 'there is no ingest key'],
  ])('%s %j: a bad value is told', async (command, args, message) => {
    const { code, stdout, stderr } = await run(command, args, { CONFIG_ENCRYPTION_KEY: encryptionKey.toString('base64') });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  test('names the variable that is missing', async () => {
    const missing = await run('orgs-create', ['--key=a', '--name=A'], { DATABASE_URL_JOBS: '' });
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('DATABASE_URL_JOBS: not set');
    const owner = await run('migrate');
    expect(owner.code).toBe(1);
    expect(owner.stderr).toContain('DATABASE_URL_OWNER: not set');
  });

  test('reads a secret from the file that its _FILE twin names', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'observability-command-'));
    const file = join(directory, 'url');
    await writeFile(file, `${database.url('observability_jobs')}\n`);
    const { code, stderr } = await run('orgs-create', ['--key=by-file', '--name=A'], {
      DATABASE_URL_JOBS: '',
      DATABASE_URL_JOBS_FILE: file,
    });
    await rm(directory, { recursive: true });
    expect([code, stderr]).toEqual([0, '']);
  });

  // A name may stand for two addresses, and then the error of a refused connection has no message of its own.
  test.each<[command: string, args: string[], host: string]>([
    ['orgs-create', ['--key=a', '--name=A'], '127.0.0.1'],
    ['chatbots-create', ['--org=a', '--name=A'], 'localhost'],
    ['jobs-run', ['--job=alerts-prune'], 'localhost'],
    ['migrate', [], 'localhost'],
  ])('%s tells when the database is down', async (command, args, host) => {
    const url = `postgresql://observability_jobs:do-not-show-this@${host}:${await freePort()}/observability`;
    const { code, stdout, stderr } = await run(command, args, { DATABASE_URL_JOBS: url, DATABASE_URL_OWNER: url });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`${command}: the database is not available`);
    expect(stderr).toContain('ECONNREFUSED');
    expect(stderr).not.toContain('do-not-show-this');
  });
});

describe('orgs-create', () => {
  test('prints a site id that its pages can use, and stores what it was given', async () => {
    const { code, stdout, stderr } = await run('orgs-create', [
      '--key=acme-1',
      '--name=Acme = Söhne',
      '--domains=example.com, *.example.org:8443,',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    const siteId = /^site id {2}(site_[0-9A-Za-z]{16})$/m.exec(stdout)?.[1];
    expect(
      await database.query('select key, site_id, name, allowed_domains, is_active from organizations where key = $1', ['acme-1']),
    ).toEqual([
      { key: 'acme-1', site_id: siteId, name: 'Acme = Söhne', allowed_domains: ['example.com', '*.example.org:8443'], is_active: true },
    ]);
    const again = await run('orgs-create', ['--key=acme-1', '--name=Another']);
    expect([again.code, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toBe('orgs-create: there is an organization with the key acme-1: choose another key\n');
  });
});

test('chatbots-create prints the id of the chatbot', async () => {
  const { id: orgId, key } = await createOrganization(database.db, { key: 'bots', name: 'Bots' });
  const { code, stdout } = await run('chatbots-create', [`--org=${key}`, '--name=Helper']);
  expect(code).toBe(0);
  const id = /^id {2}([0-9a-f-]{36})$/m.exec(stdout)?.[1];
  expect(await database.query('select id, org_id, name from chatbots where org_id = $1', [orgId])).toEqual([
    { id, org_id: orgId, name: 'Helper' },
  ]);
});

test('ingest-keys-create prints the key once; only its SHA-256 is stored', async () => {
  const { id: orgId, key: org } = await createOrganization(database.db, { key: 'keys', name: 'Keys' });
  const { code, stdout } = await run('ingest-keys-create', [`--org=${org}`, '--name=backend']);
  expect(code).toBe(0);
  const [, id, key = ''] = /^id {3}([0-9a-f-]{36})\nkey {2}(ik_[0-9A-Za-z_-]{43})\n$/.exec(stdout) ?? [];
  const rows = await database.query('select * from ingest_keys where org_id = $1', [orgId]);
  expect(rows).toMatchObject([{ id, name: 'backend', key_hash: digestOf(key), revoked_at: null }]);
  expect(JSON.stringify(rows)).not.toContain(key);
});

test('ingest-keys-revoke revokes, in either case of the id; twice keeps the first moment', async () => {
  const { key: org } = await createOrganization(database.db, { key: 'revoked', name: 'Revoked' });
  const { id } = await createIngestKey(database.db, { orgKey: org, name: 'backend' });
  const first = await run('ingest-keys-revoke', [`--id=${id}`]);
  expect(first.code).toBe(0);
  const [row] = await database.query<{ revoked_at: Date }>('select revoked_at from ingest_keys where id = $1', [id]);
  expect(first.stdout).toBe(`revoked at  ${row?.revoked_at.toISOString()}\n`);
  const second = await run('ingest-keys-revoke', [`--id=${id.toUpperCase()}`]);
  expect([second.code, second.stdout]).toEqual([0, first.stdout]);
});

describe.concurrent('customer-configs-set', () => {
  const environment = {
    CONFIG_ENCRYPTION_KEY: encryptionKey.toString('base64'),
    WOO_CONSUMER_KEY: 'ck_0123',
    WOO_CONSUMER_SECRET: 'cs_4567',
  };
  const argsOf = (org: string, domain: string): string[] => [`--org=${org}`, `--domain=${domain}`, `--woocommerce-url=https://${domain}`];
  interface Stored extends Record<string, unknown> {
    id: string;
    org_id: number;
    woocommerce_url: string;
    consumer_key_enc: Buffer;
    consumer_secret_enc: Buffer;
  }
  const stored = async (domain: string): Promise<Stored | undefined> =>
    (await database.query<Stored>('select * from customer_configs where domain = $1', [domain]))[0];

  test('stores credentials that open with the key and in their place only', async () => {
    const { id: orgId, key: org } = await createOrganization(database.db, { key: 'shop', name: 'Shop' });
    const domain = 'shop.example.com';
    const { code, stdout, stderr } = await run('customer-configs-set', argsOf(org, domain), environment);
    expect([code, stderr]).toEqual([0, '']);
    const row = await stored(domain);
    expect(row).toMatchObject({ org_id: orgId, woocommerce_url: `https://${domain}` });
    expect(stdout).toBe(`id  ${row?.id}\n`);
    const [key, secret] = [row?.consumer_key_enc ?? Buffer.of(), row?.consumer_secret_enc ?? Buffer.of()];
    expect(Buffer.concat([key, secret]).includes('ck_0123')).toBe(false);
    expect(unseal(key, encryptionKey, { orgId, domain, column: 'consumer_key_enc' })).toBe('ck_0123');
    expect(unseal(secret, encryptionKey, { orgId, domain, column: 'consumer_secret_enc' })).toBe('cs_4567');
    for (const place of [
      { orgId: orgId + 1, domain, column: 'consumer_key_enc' },
      { orgId, domain: 'other.example.com', column: 'consumer_key_enc' },
      { orgId, domain, column: 'consumer_secret_enc' },
    ]) {
      expect(() => unseal(key, encryptionKey, place)).toThrow('unable to authenticate');
    }
    expect(() => unseal(key, randomBytes(32), { orgId, domain, column: 'consumer_key_enc' })).toThrow('unable to authenticate');
  });

  test('without credentials keeps the stored ones; a domain stays with its organization', async () => {
    const { id: orgId, key: org } = await createOrganization(database.db, { key: 'keeper', name: 'Keeper' });
    const { key: other } = await createOrganization(database.db, { key: 'taker', name: 'Taker' });
    const domain = 'kept.example.com';
    await run('customer-configs-set', argsOf(org, domain), environment);
    const before = await stored(domain);
    const { CONFIG_ENCRYPTION_KEY } = environment;
    const changed = await run('customer-configs-set', [...argsOf(org, domain).slice(0, 2), '--woocommerce-url=https://new.example.com'], {
      CONFIG_ENCRYPTION_KEY,
    });
    expect([changed.code, changed.stdout]).toEqual([0, `id  ${before?.id}\n`]);
    const taken = await run('customer-configs-set', argsOf(other, domain), environment);
    expect([taken.code, taken.stdout]).toEqual([1, '']);
    expect(taken.stderr).toContain('the domain kept.example.com belongs to another organization');
    expect(await stored(domain)).toMatchObject({
      org_id: orgId,
      woocommerce_url: 'https://new.example.com',
      consumer_key_enc: before?.consumer_key_enc,
      consumer_secret_enc: before?.consumer_secret_enc,
    });
  });

  test.each<[what: string, environment: Record<string, string>, message: string]>([
    ['no encryption key', { ...environment, CONFIG_ENCRYPTION_KEY: '' }, 'CONFIG_ENCRYPTION_KEY: not set'],
    [
      'a short encryption key',
      { ...environment, CONFIG_ENCRYPTION_KEY: randomBytes(16).toString('base64') },
      'CONFIG_ENCRYPTION_KEY: must be 32 bytes',
    ],
    ['half of the credentials', { ...environment, WOO_CONSUMER_SECRET: '' }, 'set both WOO_CONSUMER_KEY and WOO_CONSUMER_SECRET'],
  ])('%s is refused and nothing is stored', async (_what, given, message) => {
    const { code, stdout, stderr } = await run('customer-configs-set', argsOf('shop', 'refused.example.com'), given);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('ck_0123');
    expect(await stored('refused.example.com')).toBeUndefined();
  });
});

describe('customer-configs-rotate-keys', () => {
  const next = randomBytes(32);
  const after = { CONFIG_ENCRYPTION_KEY: next.toString('base64'), CONFIG_ENCRYPTION_KEY_PREVIOUS: encryptionKey.toString('base64') };
  const rotate = (environment: Record<string, string>): Promise<Ended> => run('customer-configs-rotate-keys', [], environment);
  const shops = 450;
  let orgId: number;

  const opened = async (domain: string, key: Buffer): Promise<string> => {
    const [row] = await database.query<{ sealed: Buffer }>('select consumer_secret_enc as sealed from customer_configs where domain = $1', [
      domain,
    ]);
    return unseal(row?.sealed ?? Buffer.of(), key, { orgId, domain, column: 'consumer_secret_enc' });
  };
  const audited = (): Promise<unknown[]> =>
    database.query(`select actor, org_id, details from audit_logs where action = 'customer_configs.keys.rotate' order by id`);

  beforeAll(async () => {
    await database.query('delete from customer_configs');
    orgId = (await createOrganization(database.db, { key: 'rotated', name: 'Rotated' })).id;
    for (let shop = 0; shop < shops; shop += 1) {
      const domain = `shop-${shop}.example`;
      const credentials = { consumerKey: 'ck', consumerSecret: `cs_${shop}` };
      await setCustomerConfig(database.db, {
        orgKey: 'rotated',
        domain,
        woocommerceUrl: `https://${domain}`,
        credentials,
        // As if it had been cut short after a few.
        encryptionKey: shop < 5 ? next : encryptionKey,
      });
    }
    const bare = { orgKey: 'rotated', domain: 'bare.example', woocommerceUrl: 'https://bare.example', encryptionKey };
    await setCustomerConfig(database.db, bare);
  });

  test('without the key before, it changes nothing and asks for it', async () => {
    const { code, stdout, stderr } = await rotate({ CONFIG_ENCRYPTION_KEY: after.CONFIG_ENCRYPTION_KEY });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /0 encrypted anew, 5 already were; the credentials of .*shop-7\.example.* cannot be opened: set CONFIG_ENCRYPTION_KEY_PREVIOUS/,
    );
    expect(await opened('shop-7.example', encryptionKey)).toBe('cs_7');
    expect(await audited()).toEqual([]);
  });

  test('encrypts what is left, tells how far it is, leaves audit rows, and says so when there is nothing left', async () => {
    const { code, stdout, stderr } = await rotate(after);
    expect([code, stdout]).toEqual([0, '445 encrypted anew, 5 already were\n']);
    expect(stderr).toBe('looked at 200 shops\nlooked at 400 shops\n');
    for (const shop of [0, 5, 449]) expect(await opened(`shop-${shop}.example`, next)).toBe(`cs_${shop}`);
    const rows = (await audited()) as { actor: string; org_id: null; details: { rotated: number } }[];
    expect(rows.map(({ actor, org_id }) => [actor, org_id])).toEqual(rows.map(() => ['cli', null]));
    expect(rows.reduce((sum, { details }) => sum + details.rotated, 0)).toBe(445);

    expect(await rotate({ CONFIG_ENCRYPTION_KEY: after.CONFIG_ENCRYPTION_KEY })).toMatchObject({
      code: 0,
      stdout: '0 encrypted anew, 450 already were\n',
    });
    expect(await audited()).toEqual(rows);
  });

  test('encrypts the others when some cannot be opened, and names those', async () => {
    const third = randomBytes(32);
    await database.query(`update customer_configs set consumer_key_enc = '\\x01' where domain = 'shop-3.example'`);
    const { code, stdout, stderr } = await rotate({
      CONFIG_ENCRYPTION_KEY: third.toString('base64'),
      CONFIG_ENCRYPTION_KEY_PREVIOUS: after.CONFIG_ENCRYPTION_KEY,
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('449 encrypted anew, 0 already were; the credentials of shop-3.example cannot be opened: set them again');
    expect(stderr).not.toContain('cs_');
    expect(await opened('shop-3.example', next)).toBe('cs_3');
    expect(await opened('shop-4.example', third)).toBe('cs_4');
  });

  test('refuses the same key twice', async () => {
    const { code, stderr } = await rotate({ ...after, CONFIG_ENCRYPTION_KEY_PREVIOUS: after.CONFIG_ENCRYPTION_KEY });
    expect(code).toBe(1);
    expect(stderr).toContain('set it to the key before, or leave it out');
  });
});

describe('jobs-run', () => {
  test('tells why a job failed, not only that it did', async () => {
    await database.query(`delete from partitioned_tables where table_name = 'ingest_batches'`);
    const { code, stderr } = await run('jobs-run', ['--job=partitions-maintain']);
    await database.query(`insert into partitioned_tables (table_name, granularity, back_days) values ('ingest_batches', 'day', 2)`);
    expect(code).toBe(1);
    expect(stderr).toContain('partitions of 1 table(s) could not be maintained');
    expect(stderr).toContain('table ingest_batches is not registered in partitioned_tables');
  });

  test('runs a job now, due or not, prints its result and leaves a row', async () => {
    for (const _time of ['first', 'second']) {
      const { code, stdout, stderr } = await run('jobs-run', ['--job=alerts-prune']);
      expect([code, stdout, stderr]).toEqual([0, 'alerts-prune succeeded  {"deleted":0}\n', '']);
    }
    expect(await database.query(`select status, result from job_runs where job = 'alerts-prune'`)).toEqual(
      Array.from({ length: 2 }, () => ({ status: 'succeeded', result: { deleted: 0 } })),
    );
  });

  test('fails with the error of the job, which is on record too', async () => {
    await database.query('alter table alerts rename to alerts_elsewhere');
    const { code, stdout, stderr } = await run('jobs-run', ['--job=alerts-prune']);
    await database.query('alter table alerts_elsewhere rename to alerts');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('relation "alerts" does not exist');
    expect(await database.query(`select error from job_runs where job = 'alerts-prune' and status = 'failed'`)).toEqual([
      { error: 'relation "alerts" does not exist' },
    ]);
  });

  test('fails when the job runs elsewhere at this moment', async () => {
    const lock = await tryAdvisoryLock(database.url('observability_jobs'), 'job:job-runs-prune');
    const { code, stdout, stderr } = await run('jobs-run', ['--job=job-runs-prune']);
    await lock?.release();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('runs elsewhere');
  });
});

describe('widget-stats-backfill', () => {
  const today = utcDayOf(new Date());
  const [yesterday, dayBefore] = [addDays(today, -1), addDays(today, -2)];
  const stats = (): Promise<{ stat_date: string; total_sessions: number }[]> =>
    database.query('select stat_date, total_sessions from widget_daily_stats order by stat_date');
  const backfill = (from: string, to: string, environment: Record<string, string> = {}): Promise<Ended> =>
    run('widget-stats-backfill', [`--from=${from}`, `--to=${to}`], environment);

  beforeAll(async () => {
    const { id: orgId } = await createOrganization(database.db, { key: 'backfilled', name: 'Backfilled', allowedDomains: [] });
    const chatbot = await insertChatbot(database, orgId);
    await createPastEventDays(database, addDays(today, -4), today);
    for (const day of [dayBefore, yesterday]) {
      await storeSessions(database, chatbot, [{ session_id: `s-${day}`, started_at: new Date(`${day}T12:00:00Z`) }]);
    }
  });

  test('rebuilds the days, tells how far it is, and may be run again', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { code, stdout, stderr } = await backfill(dayBefore, yesterday);
      expect([code, stdout]).toEqual([0, '2 days rebuilt, 2 rows written\n']);
      expect(stderr).toBe(`1/2 days  ${dayBefore}\n2/2 days  ${yesterday}\n`);
      expect(await stats()).toEqual([dayBefore, yesterday].map((day) => ({ stat_date: day, total_sessions: 1 })));
    }
  });

  test('skips days whose raw rows are gone, and says which', async () => {
    const gone = [addDays(today, -10), addDays(today, -9)] as const;
    const { code, stdout, stderr } = await backfill(gone[0], yesterday);
    expect([code, stdout]).toEqual([
      0,
      `8 days rebuilt, 2 rows written\n2 days skipped, whose raw rows are gone: ${gone[0]}, ${gone[1]}\n`,
    ]);
    expect(stderr).toContain(`8/8 days  ${yesterday}\n`);
  });

  test('refuses days that cannot be rebuilt, and says which can', async () => {
    const refused = async (...days: [string, string]): Promise<string> => {
      const { code, stderr } = await backfill(...days, { WIDGET_EVENTS_RETENTION_DAYS: '30' });
      expect(code).toBe(1);
      return stderr;
    };
    expect(await refused(yesterday, dayBefore)).toContain(`--from=${yesterday} is after --to=${dayBefore}: exchange them`);
    expect(await refused(yesterday, today)).toContain(`--to=${today} is not over yet: the latest day is ${yesterday}`);
    expect(await refused('2020-01-01', yesterday)).toContain('is older than the raw rows that are kept: the oldest day is ');
    expect(await refused('yesterday', yesterday)).toContain('--from=yesterday: must be a day such as 2026-02-13');
  });

  test('names the day to go on from when one fails', async () => {
    await database.query(`alter table widget_daily_stats add constraint broken check (stat_date <> '${yesterday}') not valid`);
    const { code, stderr } = await backfill(dayBefore, yesterday);
    await database.query('alter table widget_daily_stats drop constraint broken');
    expect(code).toBe(1);
    expect(stderr).toContain(
      `${yesterday} failed; days before it are done: go on with widget-stats-backfill --from=${yesterday} --to=${yesterday}`,
    );
  });
});

test('migrate of a schema that is up to date says so', async () => {
  const { code, stdout, stderr } = await run('migrate', [], { DATABASE_URL_OWNER: database.url('superuser') });
  expect([code, stdout, stderr]).toEqual([0, 'the schema is up to date\n', '']);
});

describe('role-logins-set', () => {
  const urls = (change: Record<string, string> = {}): Record<string, string> => ({
    DATABASE_URL_OWNER: database.url('superuser'),
    DATABASE_URL_EXPORTER: database.url('observability_exporter'),
    DATABASE_URL_API: database.url('observability_api'),
    DATABASE_URL_ADMIN: database.url('observability_admin'),
    DATABASE_URL_JOBS: database.url('observability_jobs'),
    ...change,
  });

  test('sets the passwords of the URLs, as often as it is called', async () => {
    // A stored password has a salt of its own each time that it is set. The passwords are those that every test of this run logs in with.
    const stored = async (): Promise<string[]> =>
      (
        await database.query<{ rolpassword: string }>(
          "select rolpassword from pg_authid where rolname like 'observability\\_%' order by rolname",
        )
      ).map(({ rolpassword }) => rolpassword);
    const before = await stored();
    for (let time = 0; time < 2; time += 1) {
      const { code, stdout, stderr } = await run('role-logins-set', [], urls());
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout.match(/observability_(exporter|api|admin|jobs) may log in\n/g)).toHaveLength(4);
    }
    const after = await stored();
    expect(after.filter((password, index) => password !== before[index])).toHaveLength(4);
    expect((await run('orgs-create', ['--key=after-logins', '--name=A'], urls())).code).toBe(0);
  });

  test.each<[what: string, change: Record<string, string>, message: string]>([
    ['another role', { DATABASE_URL_API: 'postgres://observability_jobs:x@db/o' }, 'DATABASE_URL_API: must log in as observability_api'],
    ['no password', { DATABASE_URL_JOBS: 'postgres://observability_jobs@db/o' }, 'DATABASE_URL_JOBS: has no password'],
  ])('refuses a URL with %s', async (_what, change, message) => {
    const { code, stdout, stderr } = await run('role-logins-set', [], urls(change));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
  });
});
