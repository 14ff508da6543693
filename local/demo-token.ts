import { readFile } from 'node:fs/promises';
import { runCommand } from '../jobs/command-line.ts';
import { ProvisioningError } from '../jobs/provisioning.ts';
import { signToken, type TokenClaims } from './tokens.ts';

const roles: readonly TokenClaims['role'][] = ['member', 'owner', 'admin'];

/** Stands in for the login of a portal, for whoever tries out a stack that has none yet. */
await runCommand({
  name: 'demo-token',
  summary: 'Prints a token for the API, valid for a week, signed with AUTH_JWT_SECRET for the issuer and audience of the demo.',
  flags: {
    role: { required: true, summary: roles.join(', ') },
    org: { required: false, summary: 'key of the organization of a member or owner, such as demo' },
    'secret-file': { required: true, summary: 'file that holds AUTH_JWT_SECRET' },
  },
  run: async ({ role: wanted, org, 'secret-file': file }) => {
    const role = roles.find((known) => known === wanted);
    if (role === undefined) throw new ProvisioningError(`--role=${wanted}: must be one of ${roles.join(', ')}`);
    const secret = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
    return [await signToken(secret, { sub: `demo-${role}`, role, ...(org === undefined ? {} : { org }) })];
  },
});
