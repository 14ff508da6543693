import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDashboards } from '../test/support/dashboard-files.ts';
import { durationSeconds } from '../test/support/promql.ts';
import { drawDashboard } from './pictures/dashboard-picture.ts';
import { connectPrometheus } from './pictures/prometheus.ts';

const help = `Draws every dashboard of grafana/dashboards with what a running Prometheus answers, one SVG each.
Let npm start run for a while first: a curve needs time.

npm run pictures [-- options]
  --prometheus=URL   [http://127.0.0.1:9090]
  --out=<folder>     [docs/images]
  --range=<time>     [30m] how much time before now is shown
  --org=<key>        [the first there is] the organization that is shown where a dashboard shows one
  --store=<domain>   [the first there is] the shop of it that is shown
  --all-rows         opens the rows that are closed when a dashboard is opened
  --help             this text
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
      out: { type: 'string', default: 'docs/images' },
      range: { type: 'string', default: '30m' },
      org: { type: 'string' },
      store: { type: 'string' },
      'all-rows': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(help);
  const seconds = durationSeconds(values.range);
  if (seconds === undefined || seconds <= 0) throw new Error(`--range=${values.range}: give a time such as 30m or 3h`);
  const options = {
    prometheus: connectPrometheus(values.prometheus),
    range: { end: Math.floor(Date.now() / 1000), seconds },
    chosen: {
      ...(values.org === undefined ? {} : { org: values.org }),
      ...(values.store === undefined ? {} : { store: values.store }),
    },
    allRows: values['all-rows'],
  };
  await mkdir(values.out, { recursive: true });
  for (const { name, dashboard } of await readDashboards()) {
    const picture = await drawDashboard(dashboard, options);
    await writeFile(join(values.out, `${name}.svg`), picture);
    console.log(`${name}.svg, ${Math.ceil(picture.length / 1000)} kB`);
  }
}

await main();
