let debug: unknown;

/** Whether to say in the console what was caught. */
export function sayErrors(say: unknown): void {
  debug = say;
}

/** The page must not fail because of its telemetry. */
export function guarded<Parameters extends unknown[]>(action: (...parameters: Parameters) => void): (...parameters: Parameters) => void {
  return (...parameters) => {
    try {
      action(...parameters);
    } catch (error) {
      // oxlint-disable-next-line no-console -- asked for by the page
      if (debug) console.warn('wobs', error);
    }
  };
}
