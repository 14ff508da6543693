import pg from 'pg';
import { readConfig } from '../../platform/config.ts';
import { runCommand } from '../command-line.ts';
import { loginOf, setRoleLogins } from '../role-logins.ts';

await runCommand({
  name: 'role-logins-set',
  summary:
    'Lets the four run-time roles log in with the passwords that DATABASE_URL_EXPORTER, _API, _ADMIN and _JOBS hold, as DATABASE_URL_OWNER. Safe to repeat.',
  flags: {},
  run: async () => {
    const { DATABASE_URL_OWNER, ...urls } = readConfig('roleLogins');
    const logins = Object.entries(urls).map(([variable, url]) => loginOf(variable, url));
    const client = new pg.Client({ connectionString: DATABASE_URL_OWNER });
    await client.connect();
    try {
      await setRoleLogins(client, logins);
    } finally {
      await client.end();
    }
    return logins.map(({ role }) => `${role} may log in`);
  },
});
