/**
 * JSON from outside, with each `length` such that it can be compared. zod compares the `length` of whatever has one, also where it wants a text or
 * a list and got an object; and in JSON that may be an object without a value (`{"toString":1,"valueOf":1}`), which throws, or a list so nested
 * that making a text of it takes a second or more stack than there is. Such a `length` is not a number, at once. Otherwise as JSON.parse reads it.
 * @throws SyntaxError as JSON.parse does.
 */
export function parseUntrustedJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // Most bodies have none, and need not be walked through. A name may be written with escapes.
  if (text.includes('"length"') || text.includes('\\u')) makeLengthsComparable(value);
  return value;
}

/** Not recursive: what it walks through may be nested deeper than the stack. */
function makeLengthsComparable(value: unknown): void {
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    if ('length' in next && typeof next.length === 'object' && next.length !== null) {
      // Not enumerable: nobody who reads or stores what was sent sees it.
      Object.defineProperty(next.length, Symbol.toPrimitive, { value: () => Number.NaN });
    }
    for (const within of Object.values(next)) left.push(within);
  }
}
