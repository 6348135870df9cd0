/**
 * Schedule expressions as EventBridge Scheduler and Secrets Manager read them: `at(…)`, `rate(…)` and `cron(…)` with its six
 * fields, in a time zone. `W` is not modelled.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
import { DateTime } from 'luxon';

export type Schedule =
  /** Once, at a local time. */
  | { readonly kind: 'at'; readonly local: string }
  | { readonly kind: 'rate'; readonly seconds: number }
  | { readonly kind: 'cron'; readonly minutes: readonly number[]; readonly hours: readonly number[]; readonly isDay: (day: DateTime) => boolean };

const unitSeconds: Readonly<Record<string, number>> = { minute: 60, hour: 3600, day: 86_400 };
const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
/** Sunday is 1. */
const weekdayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/** A day that does not come within these (29 February comes) never comes. */
const daysAhead = 8 * 366 + 1;

/** Undefined: it is no such expression. */
export function parseSchedule(expression: string): Schedule | undefined {
  const [, kind, inner = ''] = /^(at|rate|cron)\((.+)\)$/.exec(expression) ?? [];
  if (kind === 'at') return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(inner) && DateTime.fromISO(inner).isValid ? { kind, local: inner } : undefined;
  if (kind === 'rate') {
    const [, count, unit = ''] = /^([1-9]\d*) (minute|hour|day)s?$/.exec(inner) ?? [];
    return count === undefined ? undefined : { kind, seconds: Number(count) * (unitSeconds[unit] ?? 0) };
  }
  return kind === 'cron' ? parseCron(inner.trim().split(/\s+/)) : undefined;
}

/** Of what is at a time of day: the first time after that instant. A rate has none, for it counts from its beginning; nor has what is over. */
export function nextTime(schedule: Schedule, after: Date, zone: string): Date | undefined {
  if (schedule.kind === 'rate') return undefined;
  if (schedule.kind === 'at') {
    const at = DateTime.fromISO(schedule.local, { zone }).toJSDate();
    return at > after ? at : undefined;
  }
  const first = DateTime.fromJSDate(after, { zone }).startOf('day');
  for (let ahead = 0; ahead < daysAhead; ahead += 1) {
    const day = first.plus({ days: ahead });
    if (!schedule.isDay(day)) continue;
    for (const hour of schedule.hours) {
      for (const minute of schedule.minutes) {
        const time = day.set({ hour, minute });
        // What the clocks skip in spring does not come; what they repeat in autumn comes once.
        if (time.hour === hour && time.minute === minute && time.toJSDate() > after) return time.toJSDate();
      }
    }
  }
  return undefined;
}

function parseCron([minute, hour, dayOfMonth, month, weekday, year, ...more]: readonly string[]): Schedule | undefined {
  if (minute === undefined || hour === undefined || dayOfMonth === undefined || month === undefined || weekday === undefined || year === undefined) return undefined;
  // Exactly one of the two days says nothing.
  if (more.length > 0 || (dayOfMonth === '?') === (weekday === '?')) return undefined;
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const months = valuesOf(month, 1, 12, monthNames);
  const years = valuesOf(year, 1970, 2199);
  const isOn = dayOfMonth === '?' ? weekdayRule(weekday) : dayRule(dayOfMonth);
  if (minutes === undefined || hours === undefined || months === undefined || years === undefined || isOn === undefined) return undefined;
  return { kind: 'cron', minutes, hours, isDay: (day) => years.includes(day.year) && months.includes(day.month) && isOn(day) };
}

function dayRule(field: string): ((day: DateTime) => boolean) | undefined {
  if (field === 'L') return (day) => day.day === day.daysInMonth;
  const days = valuesOf(field, 1, 31);
  return days && ((day) => days.includes(day.day));
}

function weekdayRule(field: string): ((day: DateTime) => boolean) | undefined {
  // Luxon's Sunday is 7.
  const of = (day: DateTime): number => (day.weekday % 7) + 1;
  const [, name = '', which] = /^(\w+?)(L|#[1-5])$/.exec(field) ?? [];
  if (which !== undefined) {
    const [wanted] = valuesOf(name, 1, 7, weekdayNames) ?? [];
    if (wanted === undefined) return undefined;
    if (which === 'L') return (day) => of(day) === wanted && day.day + 7 > (day.daysInMonth ?? 0);
    return (day) => of(day) === wanted && Math.ceil(day.day / 7) === Number(which.slice(1));
  }
  const weekdays = valuesOf(field, 1, 7, weekdayNames);
  return weekdays && ((day) => weekdays.includes(of(day)));
}

/** `*`, a value, a range, each with a step, and lists of them. */
function valuesOf(field: string, min: number, max: number, names: readonly string[] = []): readonly number[] | undefined {
  const number = (text: string): number => {
    const named = names.indexOf(text.toUpperCase());
    return named >= 0 ? named + 1 : /^\d+$/.test(text) ? Number(text) : NaN;
  };
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step] = part.split('/');
    const [from = '', to] = range.split('-');
    const low = range === '*' ? min : number(from);
    const high = range === '*' || (to === undefined && step !== undefined) ? max : to === undefined ? low : number(to);
    const by = step === undefined ? 1 : number(step);
    if (!(low >= min && high <= max && low <= high && by >= 1)) return undefined;
    for (let value = low; value <= high; value += by) values.add(value);
  }
  return [...values].sort((one, other) => one - other);
}
