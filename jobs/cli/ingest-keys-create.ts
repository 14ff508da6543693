import { runCommand } from '../command-line.ts';
import { createIngestKey } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

await runCommand({
  name: 'ingest-keys-create',
  summary: 'Creates an ingest key for a trusted server and prints it, this once: only its digest is stored.',
  flags: {
    org: { required: true, summary: 'key of the organization' },
    name: { required: true, summary: 'what will use it' },
  },
  run: async ({ org, name }) => {
    const { id, key } = await withJobsDatabase((db) => createIngestKey(db, { orgKey: org, name }));
    return [`id   ${id}`, `key  ${key}`];
  },
});
