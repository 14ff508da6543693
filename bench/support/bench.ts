import type { BenchCluster } from './cluster.ts';
import type { Child } from './child.ts';
import type { Figure } from './figures.ts';
import type { LoadCalls } from './load.ts';

/** What every benchmark gets. */
export interface BenchContext {
  cluster: BenchCluster;
  load: Child<LoadCalls>;
  /** Fewer and shorter rounds: shows that it runs, proves less. */
  quick: boolean;
  print: (text: string) => void;
}

export interface Bench {
  name: string;
  summary: string;
  run: (context: BenchContext) => Promise<Figure[]>;
}
