import pg from 'pg';
import { setRoleLogins } from '../jobs/role-logins.ts';

export const databaseRoles = [
  'observability_owner',
  'observability_exporter',
  'observability_api',
  'observability_admin',
  'observability_jobs',
] as const;

export type DatabaseRole = (typeof databaseRoles)[number];

/** Lets the five roles, which the migrations make without login, log in with `password`. */
export async function giveRolesLogin(superuserUrl: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    await setRoleLogins(
      client,
      databaseRoles.map((role) => ({ role, password })),
    );
  } finally {
    await client.end();
  }
}
