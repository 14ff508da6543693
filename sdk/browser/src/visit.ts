import type { Visitor } from './api.ts';
import { read, write } from './storage.ts';
import { uuid7 } from './uuid7.ts';

/** All that is sent beside the events. Contract: widget-analytics, POST /widget/analytics. */
export interface Envelope {
  chatbotId: string;
  sessionId: string;
  anonymousId: string;
  user?: { id: string | undefined; email?: string; name?: string; metadata?: object };
  context: Record<string, string | number | undefined>;
}

/** As text of at most so many characters; nothing for nothing, which JSON leaves out. */
// oxlint-disable-next-line typescript/no-base-to-string -- a page may give anything
export const cut = (value: unknown, maxLength: number): string | undefined => (value ? String(value).slice(0, maxLength) : undefined);

/** Without query and fragment, which may say more of a person than where they were. */
export const address = (url: string): string | undefined => cut(url.split(/[?#]/)[0], 2048);

/** Whether it is written as a JSON object of at most so many bytes. */
export function isSmallObject(value: unknown, maxBytes: number): boolean {
  const json = JSON.stringify(value) || '';
  return json[0] === '{' && sizeOf(json) <= maxBytes;
}

/** Bytes in UTF-8. Not by a Blob: the browser would hand its text to another process. */
export const sizeOf = (text: string): number => new TextEncoder().encode(text).length;

const anonymousKey = 'wobs.anonymous';
const sessionKey = 'wobs.session';

/** Who is here and where they came from: as on the earlier pages of this tab, and of this browser. */
export function beginVisit(chatbotId: string): Envelope {
  const anonymousId = known(read('localStorage', anonymousKey));
  write('localStorage', anonymousKey, anonymousId);
  // The first page of the tab decides where the visitor came from; the pages after it came from us.
  const [id, context = source()] = (read('sessionStorage', sessionKey) || []) as [unknown?, Envelope['context']?];
  const sessionId = known(id);
  write('sessionStorage', sessionKey, [sessionId, context]);
  return { chatbotId, sessionId, anonymousId, context };
}

export function forgetVisit(): void {
  write('localStorage', anonymousKey);
  write('sessionStorage', sessionKey);
}

/** What another script has put in the place of an id is not sent. */
const known = (id: unknown): string => (/^[\da-f-]{36}$/.test(id as string) ? (id as string) : uuid7());

/** As the exporter takes it. */
export const user = ({ id, email, name, metadata }: Visitor): Envelope['user'] => ({
  id: cut(id, 200),
  email: cut(email, 320),
  name: cut(name, 200),
  metadata: isSmallObject(metadata, 4096) ? metadata : undefined,
});

function source(): Envelope['context'] {
  const { referrer } = document;
  const context: Envelope['context'] = {
    landing_page: address(location.href),
    referrer: referrer.split('/')[2] === location.host ? undefined : address(referrer),
    screen_width: screen.width || undefined,
    screen_height: screen.height || undefined,
  };
  new URLSearchParams(location.search).forEach((value, name) => {
    if (/^utm_(source|medium|campaign|term|content)$/.test(name)) context[name] = cut(value, 255);
  });
  return context;
}
