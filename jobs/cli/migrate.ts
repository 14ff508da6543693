import { readConfig } from '../../platform/config.ts';
import { migrate } from '../../platform/postgres/migrate.ts';
import { runCommand } from '../command-line.ts';

await runCommand({
  name: 'migrate',
  summary: 'Brings the database of DATABASE_URL_OWNER to the newest schema. Safe to repeat.',
  flags: {},
  run: async () => {
    const ran = await migrate({ databaseUrl: readConfig('migrate').DATABASE_URL_OWNER });
    return ran.length === 0 ? ['the schema is up to date'] : ran.map((name) => `applied ${name}`);
  },
});
