import { startExporter, type Exporter } from '../../exporter/app.ts';
import { readConfig } from '../../platform/config.ts';
import { Lifecycle } from '../../platform/lifecycle.ts';
import { createLogger } from '../../platform/log.ts';
import { systemClock } from '../../platform/time/utc-day.ts';
import { answerCalls } from './child.ts';
import { processCalls } from './event-loop.ts';
import type { ExporterCalls } from './programs.ts';

let exporter: Exporter | undefined;

answerCalls<ExporterCalls>({
  ...processCalls,
  start: async () => {
    const config = readConfig('exporter');
    const log = createLogger({ service: 'exporter', level: config.LOG_LEVEL });
    exporter = await startExporter({ config, lifecycle: new Lifecycle(log), log, now: systemClock });
    await exporter.directory.load();
    await exporter.refresh();
    return { url: `http://127.0.0.1:${exporter.publicPort}`, metricsUrl: `http://127.0.0.1:${exporter.metricsPort}` };
  },
  refresh: async () => {
    const startedAt = performance.now();
    await exporter?.refresh();
    return performance.now() - startedAt;
  },
});
