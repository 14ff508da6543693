/**
 * What PostgreSQL can store of a string from outside: U+0000 is removed, a lone surrogate becomes U+FFFD (contracts, conventions).
 * Stored as they come, the first would be refused and the second silently changed.
 */
export function cleanText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}
