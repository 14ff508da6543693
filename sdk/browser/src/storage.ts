/** What outlives the visit, and what is one tab's. */
export type Area = 'localStorage' | 'sessionStorage';

/** Until the page is left, where the browser forbids storage or has no room. */
const memory: Record<string, unknown> = {};

/** @param name another one in each area */
export function read(area: Area, name: string): unknown {
  try {
    return JSON.parse(window[area].getItem(name) as string) || memory[name];
  } catch {
    // Forbidden, or not from us.
    return memory[name];
  }
}

/** Without a value nothing is kept. */
export function write(area: Area, name: string, value?: unknown): void {
  memory[name] = value;
  try {
    window[area].removeItem(name);
    if (value) window[area].setItem(name, JSON.stringify(value));
  } catch {
    // Forbidden or full: memory has it.
  }
}
