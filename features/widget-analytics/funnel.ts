import { roundHalfAway } from '../../platform/rounding.ts';

/** `part` of `whole` in percent, two decimals; 0 of nothing. Source: contracts/widget-analytics.md, Read API. */
export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 0 : roundHalfAway((part * 100) / whole, 2);
}

export interface FunnelStep {
  step: number;
  event_name: string;
  count: number;
  conversion_rate: number;
  step_conversion_rate: number;
  drop_off: number;
  drop_off_rate: number;
}

/** How many of each step go on to the next one, from how many reach each. */
export function funnelSteps(names: readonly string[], counts: readonly number[]): FunnelStep[] {
  const first = counts[0] ?? 0;
  return names.map((name, index) => {
    const count = counts[index] ?? 0;
    // Everybody who is at the first step got there.
    const previous = index === 0 ? count : (counts[index - 1] ?? 0);
    return {
      step: index + 1,
      event_name: name,
      count,
      conversion_rate: percentOf(count, first),
      step_conversion_rate: percentOf(count, previous),
      drop_off: previous - count,
      drop_off_rate: percentOf(previous - count, previous),
    };
  });
}
