/** A UTC calendar day, `YYYY-MM-DD`, meaning the half-open span [00:00, next 00:00). */
export type UtcDay = string & { readonly unit: 'utc day' };

/** The time source of a process. Everything that asks for the time gets it as a parameter. */
export type Clock = () => Date;

export const systemClock: Clock = () => new Date();

const dayMs = 86_400_000;

export function utcDayOf(moment: Date): UtcDay {
  return moment.toISOString().slice(0, 10) as UtcDay;
}

export function addDays(day: UtcDay, days: number): UtcDay {
  return utcDayOf(new Date(startOfUtcDay(day).getTime() + days * dayMs));
}

export function startOfUtcDay(day: UtcDay): Date {
  return new Date(`${day}T00:00:00.000Z`);
}

/** A span of time that holds its start and not its end. */
export interface TimeWindow {
  fromInclusive: Date;
  toExclusive: Date;
}

export function windowOfUtcDay(day: UtcDay): TimeWindow {
  return { fromInclusive: startOfUtcDay(day), toExclusive: startOfUtcDay(addDays(day, 1)) };
}
