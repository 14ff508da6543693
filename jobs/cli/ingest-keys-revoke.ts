import { runCommand } from '../command-line.ts';
import { revokeIngestKey } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

await runCommand({
  name: 'ingest-keys-revoke',
  summary: 'Revokes an ingest key; exporters refuse it within a minute.',
  flags: {
    id: {
      required: true,
      summary: 'its id, as ingest-keys-create printed it',
      check: (value) => (uuid.test(value) ? undefined : 'must be a UUID'),
    },
  },
  run: async ({ id }) => {
    const { revokedAt } = await withJobsDatabase((db) => revokeIngestKey(db, id));
    return [`revoked at  ${revokedAt}`];
  },
});
