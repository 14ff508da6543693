import { createHash } from 'node:crypto';

/** The name under which a script may be kept for ever: it contains a hash of its content. */
export function pinnedName(name: string, content: Buffer): string {
  return name.replace(/\.js$/, `.${createHash('sha256').update(content).digest('hex').slice(0, 12)}.js`);
}

/** Whether a name was made by pinnedName. */
export function isPinned(name: string): boolean {
  return /\.[0-9a-f]{12}\.js$/.test(name);
}

/** The `integrity` attribute: a browser refuses a script that is not exactly this one. Source: Subresource Integrity. */
export function integrityOf(content: Buffer): string {
  return `sha384-${createHash('sha384').update(content).digest('base64')}`;
}
