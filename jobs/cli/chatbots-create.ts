import { runCommand } from '../command-line.ts';
import { createChatbot } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

await runCommand({
  name: 'chatbots-create',
  summary: 'Creates a chatbot and prints its id.',
  flags: {
    org: { required: true, summary: 'key of its organization' },
    name: { required: true, summary: 'its name' },
  },
  run: async ({ org, name }) => {
    const { id } = await withJobsDatabase((db) => createChatbot(db, { orgKey: org, name }));
    return [`id  ${id}`];
  },
});
