const longestErrorType = 100;
/** The exporter keeps 1000, after it has replaced mail addresses: half an address at the end would not be known for one. */
const longestErrorMessage = 1400;

/** How an operation ended, as it is sent. The exporter maps the name of the error to its closed list. */
export interface Outcome {
  success: boolean;
  errorType: string | undefined;
  errorMessage: string | undefined;
}

const succeeded: Outcome = { success: true, errorType: undefined, errorMessage: undefined };

/** Of what `fn` returned or its promise resolved to: its boolean `success` decides; without one, that it got here at all. */
export function outcomeOfResult(result: unknown): Outcome {
  return read(result, 'success') === false ? failed(read(result, 'error_type'), read(result, 'message')) : succeeded;
}

/** Of what `fn` threw or its promise rejected with. */
export function outcomeOfError(error: unknown): Outcome {
  if (typeof error === 'string') return failed(undefined, error);
  const name = read(error, 'name');
  // As `fetch` throws what it could not reach; a TypeError of the program itself has no cause.
  const isFetchFailure = name === 'TypeError' && read(error, 'cause') !== undefined;
  return failed(isFetchFailure ? 'UpstreamError' : name, read(error, 'message'));
}

function failed(type: unknown, message: unknown): Outcome {
  return { success: false, errorType: textOf(type, longestErrorType), errorMessage: textOf(message, longestErrorMessage) };
}

function textOf(value: unknown, longest: number): string | undefined {
  return typeof value === 'string' ? copyOfStart(value, longest) : undefined;
}

/** A copy, because V8 keeps the whole of a string in memory for as long as a piece of it is: a queue of messages cut from large pages. */
export function copyOfStart(text: string, longest: number): string {
  return Buffer.from(text.slice(0, longest), 'utf16le').toString('utf16le');
}

/** A property of anything. What throws on being read (a getter, a revoked proxy) counts as absent: the value is the caller's, not ours. */
export function read(value: unknown, key: string): unknown {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return undefined;
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
