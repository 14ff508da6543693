/** A guard that is taken away, and the tests that must notice. */
export interface Mutant {
  name: string;
  /** What the guard is for. */
  guard: string;
  file: string;
  /** Once in the file. */
  find: string;
  replace: string;
  tests: readonly string[];
  /** Only tests whose name matches. */
  only?: string;
}

const matrix = ['test/authorization/matrix.test.ts'];
const foreignPage = 'takes nothing from the page of somebody else';
const tokens = ['test/authorization/tokens.test.ts'];
const rows = ['test/authorization/row-security.test.ts'];

const identities = 'platform/auth/identities.ts';
const verifier = 'platform/auth/jwt.ts';
const directory = 'platform/directory/queries.ts';

export const mutants: readonly Mutant[] = [
  // Who is calling.
  {
    name: 'token-signature',
    guard: 'a token is signed',
    file: verifier,
    find: '(await jwtVerify(token, secret, rules())).payload',
    replace: `JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())`,
    tests: matrix,
  },
  {
    name: 'token-algorithm',
    guard: 'with one algorithm',
    file: verifier,
    find: '    algorithms,\n',
    replace: '',
    tests: tokens,
  },
  { name: 'token-issuer', guard: 'by our issuer', file: verifier, find: '    issuer: options.issuer,\n', replace: '', tests: matrix },
  { name: 'token-audience', guard: 'for us', file: verifier, find: '    audience: options.audience,\n', replace: '', tests: tokens },
  {
    name: 'token-expiry',
    guard: 'and has not expired',
    file: verifier,
    find: 'clockTolerance: clockToleranceSeconds',
    replace: 'clockTolerance: 1e9',
    tests: matrix,
  },
  {
    name: 'ingest-key-hash',
    guard: 'an ingest key is the one that was given out',
    file: directory,
    find: 'ingest_keys.key_hash = $1 and',
    replace: '$1::bytea is not null and',
    tests: matrix,
  },
  {
    name: 'ingest-key-revoked',
    guard: 'and was not revoked',
    file: directory,
    find: 'ingest_keys.revoked_at is null and',
    replace: '',
    tests: matrix,
  },
  {
    name: 'admin-key',
    guard: 'the admin key is the right one',
    file: identities,
    find: `!isSameSecret(request.header('x-admin-key') ?? '', expected)`,
    replace: 'false',
    tests: matrix,
  },
  {
    name: 'webhook-token',
    guard: 'the webhook token is the right one',
    file: identities,
    find: `!isSameSecret(bearerToken(request.header('authorization')) ?? '', expected)`,
    replace: 'false',
    tests: matrix,
  },
  {
    name: 'metrics-token',
    guard: 'metrics are for whoever has their token',
    file: 'platform/http/metrics-listener.ts',
    find: `!isSameSecret(bearerToken(authorization) ?? '', token)`,
    replace: 'false',
    tests: ['platform/http/metrics-listener.test.ts'],
    only: 'what guards the listener',
  },

  // What they may do.
  {
    name: 'role-of-administrators',
    guard: 'administration is for administrators',
    file: identities,
    find: `if (role !== 'admin')`,
    replace: 'if (false)',
    tests: matrix,
  },
  {
    name: 'role-of-owners',
    guard: 'a baseline is captured by owners',
    file: identities,
    find: `caller.orgUser?.role === 'member'`,
    replace: 'false',
    tests: matrix,
  },
  {
    name: 'role-of-exporters',
    guard: 'data is exported and removed by owners',
    file: 'features/widget-analytics/session-routes.ts',
    find: `identity.role !== 'owner'`,
    replace: 'false',
    tests: matrix,
  },
  {
    name: 'deactivated-organization',
    guard: 'a deactivated organization is shut out',
    file: identities,
    find: '!organization.isActive',
    replace: 'false',
    tests: matrix,
  },
  {
    name: 'cookie-origin',
    guard: 'a cookie changes things from our own pages only',
    file: identities,
    find: 'bearer === undefined && isUnsafe && ',
    replace: 'false && ',
    tests: matrix,
  },

  // Whose data it is.
  {
    name: 'organization-of-token',
    guard: 'the organization comes from the token',
    file: identities,
    find: 'organizationByKey(claims.org)',
    replace: `organizationByKey(request.header('x-org-key') ?? claims.org)`,
    tests: matrix,
  },
  {
    name: 'organization-parameter',
    guard: 'only administrators name an organization',
    file: 'features/widget-performance/read-routes.ts',
    find: 'orgUser !== undefined && orgKey !== undefined',
    replace: 'false',
    tests: matrix,
  },
  {
    name: 'owner-of-chatbot',
    guard: "another organization's chatbot does not exist",
    file: 'features/widget-analytics/own-chatbot.ts',
    find: 'chatbot?.orgId !== organization.id',
    replace: 'chatbot === undefined',
    tests: matrix,
  },
  {
    name: 'owner-of-measurements',
    guard: 'nor do its measurements',
    file: 'features/widget-performance/read-routes.ts',
    find: '(orgId !== undefined && chatbot.orgId !== orgId)',
    replace: 'false',
    tests: matrix,
  },
  {
    name: 'cache-by-organization',
    guard: 'figures are kept by organization',
    file: 'features/widget-performance/read-routes.ts',
    find: `\${asked.orgId ?? 'all'} \${asked.chatbotId`,
    replace: '${asked.chatbotId',
    tests: ['test/authorization/tenant-isolation.test.ts'],
  },
  {
    name: 'setting-in-transaction',
    guard: 'the organization is forgotten with its transaction',
    file: 'platform/postgres/pool.ts',
    find: `set_config('app.org_id', $1, true)`,
    replace: `set_config('app.org_id', $1, false)`,
    tests: ['platform/postgres/pool.test.ts'],
    only: 'withOrg',
  },
  {
    name: 'policy-of-table',
    guard: 'every table of organizations has policies',
    file: 'migrations/0008-widget-analytics.sql',
    find: `'widget_events', 'widget_sessions', 'widget_session_heads'`,
    replace: `'widget_events', 'widget_session_heads'`,
    tests: rows,
  },
  {
    name: 'policy-of-reading',
    guard: 'a policy shows the own rows',
    file: 'migrations/0001-roles.sql',
    find: `' using (%2$I = nullif(current_setting(''app.org_id'', true), '''')::bigint)'`,
    replace: `' using (true)'`,
    tests: rows,
  },
  {
    name: 'policy-of-writing',
    guard: 'and takes no row for another organization',
    file: 'migrations/0001-roles.sql',
    find: `' with check (%2$I = nullif(current_setting(''app.org_id'', true), '''')::bigint)'`,
    replace: `' with check (true)'`,
    tests: rows,
  },
  {
    name: 'credentials-of-shops',
    guard: 'the exporter cannot read credentials',
    file: 'migrations/0002-directory.sql',
    find: 'grant select (id, org_id, domain, woocommerce_url, created_at, updated_at) on customer_configs',
    replace: 'grant select on customer_configs',
    tests: rows,
  },

  // What comes in, and what goes out.
  {
    name: 'origin-of-widget',
    guard: 'a page sends where its organization allows it',
    file: 'platform/origin/widget-origin.ts',
    find: '(isLocalhost(parsed) ? organization.allowLocalhost : organization.allowlist.allows(parsed))',
    replace: 'true',
    tests: matrix,
    only: foreignPage,
  },
  {
    name: 'origin-before-storing',
    guard: 'and what it may not send is not stored either',
    file: 'features/widget-analytics/ingest-routes.ts',
    find: `checkOrigin(organization, delivery);
      return store(organization, delivery, agent);`,
    replace: 'return store(organization, delivery, agent).finally(() => checkOrigin(organization, delivery));',
    tests: matrix,
    only: foreignPage,
  },
  {
    name: 'origin-of-site',
    guard: 'a marketing site is one of ours',
    file: identities,
    find: 'origin !== undefined && !allowedOrigins.includes(origin)',
    replace: 'false',
    tests: matrix,
    only: foreignPage,
  },
  {
    name: 'rate-limit',
    guard: 'nobody asks without end',
    file: 'platform/http/route.ts',
    find: 'if (state.allowed) return;',
    replace: 'return;',
    tests: ['platform/http/app.test.ts'],
    only: 'the rate limit',
  },
  {
    name: 'private-addresses',
    guard: 'customers do not reach into our network',
    file: 'platform/http/public-address.ts',
    find: `parsed.range() !== 'unicast'`,
    replace: 'false',
    tests: ['platform/http/public-address.test.ts'],
  },
  {
    name: 'formulas-in-exports',
    guard: 'no spreadsheet runs what a visitor sent',
    file: 'features/widget-analytics/export-format.ts',
    find: String.raw`/^[=+\-@\t\r]/.test(text)`,
    replace: 'false',
    tests: ['features/widget-analytics/session-routes.test.ts'],
    only: 'GET /export',
  },
  {
    name: 'words-of-parser',
    guard: 'what cannot be read is quoted in no log line',
    file: 'platform/http/app.ts',
    find: 'if (error.status === 500)',
    replace: 'if (error.cause !== undefined)',
    tests: ['test/input/bodies.test.ts'],
    only: 'no parser|no log line',
  },
  {
    name: 'message-of-failure',
    guard: 'a failure tells strangers nothing',
    file: 'platform/http/errors.ts',
    find: `'the request failed; quote the request id when you report it'`,
    replace: 'String(error)',
    tests: ['platform/http/app.test.ts'],
    only: 'every answer',
  },
];
