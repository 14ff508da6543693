import { parseSeries } from '../support/exposition-text.ts';
import { fetchText } from '../support/scrape.ts';

/** What a process tells of itself. */
export interface ProcessUse {
  residentBytes: number;
  openDescriptors: number;
}

export async function readProcessUse(metricsUrl: string): Promise<ProcessUse> {
  const series = parseSeries(await fetchText(`${metricsUrl}/metrics`));
  const valueOf = (name: string): number => {
    const found = series.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`${metricsUrl}/metrics does not show ${name}: run this on Linux`);
    return found.value;
  };
  return { residentBytes: valueOf('process_resident_memory_bytes'), openDescriptors: valueOf('process_open_fds') };
}
