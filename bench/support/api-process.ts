import { startApi } from '../../api/app.ts';
import { readConfig } from '../../platform/config.ts';
import { Lifecycle } from '../../platform/lifecycle.ts';
import { createLogger } from '../../platform/log.ts';
import { systemClock } from '../../platform/time/utc-day.ts';
import { answerCalls } from './child.ts';
import { processCalls } from './event-loop.ts';
import type { ApiCalls } from './programs.ts';

answerCalls<ApiCalls>({
  ...processCalls,
  start: async () => {
    const config = readConfig('api');
    const log = createLogger({ service: 'api', level: config.LOG_LEVEL });
    const api = await startApi({ config, lifecycle: new Lifecycle(log), log, now: systemClock });
    return { url: `http://127.0.0.1:${api.publicPort}`, metricsUrl: `http://127.0.0.1:${api.metricsPort}` };
  },
});
