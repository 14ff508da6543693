import { featureNames } from '../features/names.ts';
import { featureDashboards } from '../grafana/source/features.ts';
import { overview } from '../grafana/source/overview.ts';
import { stack } from '../grafana/source/stack.ts';
import type { Generator } from './generated-file.ts';

/** grafana/dashboards/<uid>.json, as Grafana provisions them. */
export const dashboards: Generator = () =>
  Promise.resolve(
    [overview(), ...featureNames.map((name) => featureDashboards[name].dashboard()), stack()].map((dashboard) => ({
      path: `grafana/dashboards/${dashboard.uid}.json`,
      text: `${JSON.stringify(dashboard, null, 2)}\n`,
    })),
  );
