import { runCommand } from '../command-line.ts';
import { createOrganization } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

await runCommand({
  name: 'orgs-create',
  summary: 'Creates an organization and prints the site id for its pages.',
  flags: {
    key: { required: true, summary: 'its key: 1 to 63 lower-case letters, digits and hyphens' },
    name: { required: true, summary: 'its name' },
    domains: { required: false, summary: 'domains that may load its widget, comma-separated: example.com,*.example.org,shop.example:8443' },
  },
  run: async ({ key, name, domains }) => {
    const allowedDomains = (domains ?? '')
      .split(',')
      .map((domain) => domain.trim())
      .filter((domain) => domain !== '');
    const { id, siteId } = await withJobsDatabase((db) => createOrganization(db, { key, name, allowedDomains }));
    return [`id       ${id}`, `key      ${key}`, `site id  ${siteId}`];
  },
});
