/**
 * The variables `job` and `instance`, in every selector of scraped series. Series counted in the process (source p in docs/metrics.md)
 * are summed over replicas; series read from the database (source d) are the same on every replica: `max by (…)`, never a sum.
 */
export const scraped = 'job=~"$job", instance=~"$instance"';
/** Series of organizations. The overflow sums a changing set of them and is not monotonic. */
export const organizations = `${scraped}, org!="__overflow__"`;
export const organization = `${organizations}, org="$org"`;

export interface Query {
  expr: string;
  legend: string;
  /** Shortest distance between two points, and the scrape interval that $__rate_interval is made from. Default: the data source's. */
  interval?: string;
}

export const query = (expr: string, legend: string): Query => ({ expr: expr.trim(), legend });

/** /metrics/orgs is scraped every 30 s: with the data source's 15 s, $__rate_interval could hold two samples. */
export const orgQuery = (expr: string, legend: string): Query => ({ ...query(expr, legend), interval: '30s' });

/** A quantile of a histogram over replicas. Without observations it is absent instead of NaN: no comparison is true of NaN. */
export function quantile(q: number, histogram: string, { by = 'le', range = '$__rate_interval' } = {}): string {
  return `histogram_quantile(${q}, sum by (${by}) (increase(${histogram}_bucket{${scraped}}[${range}]))) >= 0`;
}
