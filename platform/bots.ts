import { isbot } from 'isbot';

/** Whether a request's User-Agent is a crawler, a monitor or a headless browser. No User-Agent at all is not a browser either. */
export function isBot(userAgent: string | undefined): boolean {
  return userAgent === undefined || userAgent === '' || isbot(userAgent);
}
