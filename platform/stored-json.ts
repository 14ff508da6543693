/**
 * JSON of a sender as PostgreSQL can store it. In JSON text what it cannot store stands only as escapes, and a loop over text needs no stack.
 */
const escape = /\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g;

/** Undefined for what is nested so deep that it cannot be written. */
export function storedJson(value: unknown): string | undefined {
  const json = unlessTooDeep(() => JSON.stringify(value));
  return json?.replaceAll(escape, (whole, escaped: string) => {
    if (escaped === 'u0000') return '';
    return escaped.length === 5 ? '\ufffd' : whole;
  });
}

/** The same text for the same value, whatever the order of its keys; what is undefined is left out. */
export function canonicalJson(value: unknown): string | undefined {
  return unlessTooDeep(() => JSON.stringify(value, sortKeys));
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const sorted = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value).toSorted()) sorted[key] = (value as Record<string, unknown>)[key];
  return sorted;
}

function unlessTooDeep(write: () => string): string | undefined {
  try {
    return write();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
