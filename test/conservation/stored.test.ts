import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { insertOrganization } from '../support/services.ts';
import { readStored } from './stored.ts';

test('as much as a long run stores can be read', async () => {
  const database = await createTestDatabase();
  try {
    const { id } = await insertOrganization(database, { key: 'acme' });
    await database.query(
      `insert into ingest_batches (org_id, day, endpoint, batch_id)
       select $1, (now() at time zone 'UTC')::date, 'widget_messages', gen_random_uuid() from generate_series(1, 200000) n`,
      [id],
    );
    const { items } = await readStored(database);
    expect(items.length).toBe(200_000);
    expect(items[0]).toMatchObject({ route: 'messages', tenant: 'acme', copies: 1, digests: [] });
  } finally {
    await database.drop();
  }
});
