/** A line that one of our processes logged as JSON, for people; any other line as it is. */
export interface LogLine {
  text: string;
  /** The same for lines that say the same at another time. */
  kind: string;
}

export function readLogLine(line: string): LogLine {
  const entry = parseEntry(line);
  if (!entry) return { text: line, kind: line.replaceAll(/\d+/g, '0') };
  const { time, level, msg, service: _service, error, ...details } = entry;
  const causes = messagesOf(error).map((message) => `: ${message}`);
  const said = `${String(level)} ${String(msg)}${causes.join('')}`;
  const rest = Object.keys(details).length === 0 ? '' : ` ${JSON.stringify(details)}`;
  return { text: `${String(time).slice(11, 19)} ${said}${rest}`, kind: said };
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isRecord(entry) && typeof entry['msg'] === 'string' ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Messages of an error and of its causes, each on one line and without the stacks. */
function messagesOf(error: unknown): string[] {
  if (!isRecord(error)) return [];
  return [String(error['message']).replaceAll(/\s+/g, ' '), ...messagesOf(error['cause'])];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
