import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** What a log line may say of an error: never query parameters or bodies, which may hold personal data. */
function presentError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: presentError(error.cause) }),
  };
}

/** JSON lines on standard output, one logger per process. ERROR is for what someone must act on. */
export function createLogger(options: { service: string; level: string }): Logger {
  return pino({
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: presentError },
  });
}
