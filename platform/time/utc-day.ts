/** A UTC calendar day, `YYYY-MM-DD`, meaning the half-open span [00:00, next 00:00). */
export type UtcDay = string & { readonly unit: 'utc day' };

/** The time source of a process. Everything that asks for the time gets it as a parameter. */
export type Clock = () => Date;

export const systemClock: Clock = () => new Date();

/** So wrong may a clock be, ours that is set back or a sender's that is ahead: a retry is still looked for on the day where it was stored. */
export const clockErrorMs = 3_600_000;

const dayMs = 86_400_000;

export function utcDayOf(moment: Date): UtcDay {
  return moment.toISOString().slice(0, 10) as UtcDay;
}

/** Whether a text is a day that the calendar has: 2026-02-30 is none. */
export function isUtcDay(text: string): text is UtcDay {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const moment = new Date(`${text}T00:00:00.000Z`);
  return !Number.isNaN(moment.getTime()) && utcDayOf(moment) === text;
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
