import type { OrgUser } from '../../platform/auth/identities.ts';
import type { Directory } from '../../platform/directory/directory.ts';
import { HttpError } from '../../platform/http/errors.ts';
import { uuid } from '../../platform/http/validation.ts';
import type { ChatbotKey } from './rollup.ts';

/** The chatbot of a path. One that is unknown, malformed or another organization's does not exist for the caller. */
export async function ownChatbot(directory: Directory, { organization }: OrgUser, chatbotId: string): Promise<ChatbotKey> {
  const { data: id } = uuid.safeParse(chatbotId);
  const chatbot = id === undefined ? undefined : await directory.chatbot(id);
  if (chatbot?.orgId !== organization.id) throw new HttpError('NOT_FOUND', 'the organization has no such chatbot');
  return { orgId: chatbot.orgId, chatbotId: chatbot.id };
}
