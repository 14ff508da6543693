import type { Directory, Organization } from '../directory/directory.ts';
import { HttpError } from '../http/errors.ts';
import { isLocalhost, parseWebOrigin } from './allowlist.ts';

/** The active organization of a chatbot that a public request names. */
export async function organizationOfChatbot(directory: Directory, chatbotId: string): Promise<Organization | undefined> {
  const chatbot = await directory.chatbot(chatbotId);
  if (chatbot === undefined) return undefined;
  const organization = await directory.organizationByKey(chatbot.orgKey);
  return organization?.id === chatbot.orgId && organization.isActive ? organization : undefined;
}

export function chatbotNotFound(): HttpError {
  return new HttpError('CHATBOT_NOT_FOUND', 'no chatbot of an active organization has this id; chatbots-create makes one');
}

/** Whether a page may report to an organization. A request without an origin passes: a browser that hides its own sends an empty header. */
export function isOriginAllowed(organization: Organization, origin: string | undefined, extraOrigins: ReadonlySet<string>): boolean {
  if (origin === undefined || origin === '' || extraOrigins.has(origin)) return true;
  const parsed = parseWebOrigin(origin);
  return parsed !== undefined && (isLocalhost(parsed) ? organization.allowLocalhost : organization.allowlist.allows(parsed));
}

export function originNotAllowed(): HttpError {
  return new HttpError('ORIGIN_NOT_ALLOWED', 'this origin is not on the allowlist of the organization; add its domain there');
}
