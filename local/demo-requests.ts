export interface DemoRequestsOptions {
  /** Public listener, without a path. */
  exporterUrl: string;
  /** Told what goes wrong and when it goes well again. */
  write: (name: string, line: string) => void;
}

const answerWithinMs = 10_000;

/** Sends to an exporter and answers with the status. A refusal (429, 503) or no answer is said once and thrown at nobody. */
export function demoRequests({
  exporterUrl,
  write,
}: DemoRequestsOptions): (path: string, init: RequestInit) => Promise<number | undefined> {
  let lastTrouble: string | undefined;
  return async (path, init) => {
    let status: number | undefined;
    let trouble: string | undefined;
    try {
      const response = await fetch(exporterUrl + path, { ...init, signal: AbortSignal.timeout(answerWithinMs) });
      await response.arrayBuffer();
      status = response.status;
      if (status === 429 || status === 503) trouble = `the exporter answers ${status}`;
    } catch (error) {
      trouble = `the exporter does not answer (${error instanceof Error ? error.message : String(error)})`;
    }
    if (trouble !== lastTrouble) write('demo', trouble ? `${trouble}; going on` : 'the exporter takes requests again');
    lastTrouble = trouble;
    return status;
  };
}
