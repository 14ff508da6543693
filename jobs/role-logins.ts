import pg from 'pg';
import { ProvisioningError } from './provisioning.ts';

export interface RoleLogin {
  role: string;
  password: string;
}

/** The login that a DATABASE_URL_ variable stands for: DATABASE_URL_API is of the role observability_api. @throws ProvisioningError */
export function loginOf(variable: string, url: string): RoleLogin {
  const role = variable.replace('DATABASE_URL_', 'observability_').toLowerCase();
  const { username, password } = new URL(url);
  if (decodeURIComponent(username) !== role) throw new ProvisioningError(`${variable}: must log in as ${role}: put that name into the URL`);
  if (password === '') throw new ProvisioningError(`${variable}: has no password: put one into the URL`);
  return { role, password: decodeURIComponent(password) };
}

/** Lets roles, which the migrations make without login, log in. Safe to repeat; open connections stay. */
export async function setRoleLogins(db: { query: (sql: string) => Promise<unknown> }, logins: readonly RoleLogin[]): Promise<void> {
  for (const { role, password } of logins) {
    await db.query(`alter role ${pg.escapeIdentifier(role)} login password ${pg.escapeLiteral(password)}`);
  }
}
