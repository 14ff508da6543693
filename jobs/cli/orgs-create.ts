import { isAllowlistEntry } from '../../platform/origin/allowlist.ts';
import { runCommand } from '../command-line.ts';
import { createOrganization } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

function domainsOf(list: string): string[] {
  return list
    .split(',')
    .map((domain) => domain.trim())
    .filter((domain) => domain !== '');
}

await runCommand({
  name: 'orgs-create',
  summary: 'Creates an organization and prints the site id for its pages.',
  flags: {
    key: { required: true, summary: 'its key: 1 to 63 lower-case letters, digits and hyphens' },
    name: { required: true, summary: 'its name' },
    domains: {
      required: false,
      summary: 'domains that may load its widget, comma-separated: example.com,*.example.org,shop.example:8443',
      check: (value) => {
        const bad = domainsOf(value).find((domain) => !isAllowlistEntry(domain));
        return bad === undefined ? undefined : `${bad} must be a domain such as example.com, *.example.org or shop.example:8443`;
      },
    },
  },
  run: async ({ key, name, domains }) => {
    const { id, siteId } = await withJobsDatabase((db) => createOrganization(db, { key, name, allowedDomains: domainsOf(domains ?? '') }));
    return [`id       ${id}`, `key      ${key}`, `site id  ${siteId}`];
  },
});
