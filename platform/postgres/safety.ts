import type { Queryable } from './pool.ts';

/** A database, or a role in it, with which promises cannot be kept. The process ends: whoever started it has to decide. */
export class UnsafeDatabaseError extends Error {
  override readonly name = 'UnsafeDatabaseError';

  constructor(problems: readonly string[]) {
    super(`this database is not safe to run on: ${problems.join('; ')}`);
  }
}

export interface SafetyOptions {
  /** What the server confirmed may be lost in a crash of its machine: for tests. Roles and policies are checked all the same. */
  acceptsLoss: boolean;
}

interface Findings extends Record<string, unknown> {
  lossy: string[];
  role: string;
  is_past_policies: boolean;
  is_owner: boolean;
  open_tables: string[];
}

/**
 * Asks the server what it keeps through a crash, and the role of this connection what it may see. A commit counts here as stored, and
 * row-level security as the last line between organizations: without either, everything else would look as if all were well.
 * @throws UnsafeDatabaseError
 */
export async function refuseUnsafeDatabase(db: Queryable, { acceptsLoss }: SafetyOptions): Promise<void> {
  const { rows } = await db.query<Findings>(
    `select
       array(
         select settings.name from pg_settings settings
         where settings.name in ('fsync', 'full_page_writes', 'synchronous_commit') and settings.setting = 'off'
         order by settings.name
       ) as lossy,
       current_user as role,
       roles.rolsuper or roles.rolbypassrls as is_past_policies,
       coalesce(pg_has_role(current_user, to_regrole('observability_owner')::oid, 'member'), false) as is_owner,
       array(
         select distinct tables.oid::regclass::text from pg_policy policies join pg_class tables on tables.oid = policies.polrelid
         where not tables.relrowsecurity order by 1
       ) as open_tables
     from pg_roles roles where roles.rolname = current_user`,
  );
  const [found] = rows;
  if (found === undefined) throw new Error('the database does not know the role of its own connection');
  const problems = problemsOf(found, acceptsLoss);
  if (problems.length > 0) throw new UnsafeDatabaseError(problems);
}

function problemsOf(
  { lossy, role, is_past_policies: isPastPolicies, is_owner: isOwner, open_tables: openTables }: Findings,
  acceptsLoss: boolean,
): string[] {
  const problems: string[] = [];
  if (lossy.length > 0 && !acceptsLoss) {
    problems.push(
      `with ${lossy.join(', ')} off it may lose what it confirmed: turn that on, or set ALLOW_LOSSY_DATABASE=true where losses do not matter ` +
        'or the storage below makes up for it',
    );
  }
  if (isPastPolicies || isOwner) {
    problems.push(
      `the role ${role} is ${isPastPolicies ? 'past row-level security' : 'the owner of the tables'}: connect as the role of this process ` +
        '(npm run role-logins-set gives it a login)',
    );
  }
  if (openTables.length > 0) {
    problems.push(`row-level security is off on ${openTables.join(', ')}: alter table … enable row level security`);
  }
  return problems;
}
