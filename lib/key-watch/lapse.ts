/** When a book's key comes to its end, and what people are to be told of it: once at each of so many days. */
import type { KeysSeen } from '../contracts/key-rotation.ts';

export interface Lapse {
  /** Whole days that are left; negative when it is over. */
  readonly daysLeft: number;
  readonly why: string;
}

const dayMs = 86_400_000;
/** A rotation that is due comes within the day that Secrets Manager chooses, and may be repeated. */
const rotationLateDays = 2;

/**
 * Undefined for a key that lives on, or that will have been replaced by then. What is rotated by nobody is to be replaced at the age at which
 * others are; a key of unknown age may be of any.
 */
export function lapseOf({ createsKeys, rotationEnabled, current }: KeysSeen, rotateDays: number, now: Date): Lapse | undefined {
  const left = (atMs: number): number => Math.floor((atMs - now.getTime()) / dayMs);
  const createdMs = current.createdAt === null ? undefined : Date.parse(current.createdAt);
  const expiresMs = current.expiresAt === null ? undefined : Date.parse(current.expiresAt);
  const replacedMs = createdMs === undefined ? undefined : createdMs + rotateDays * dayMs;
  if (createsKeys && rotationEnabled) {
    const isInTime = replacedMs !== undefined && now.getTime() < replacedMs + rotationLateDays * dayMs && replacedMs + rotationLateDays * dayMs < (expiresMs ?? Infinity);
    return expiresMs === undefined || isInTime ? undefined : { daysLeft: left(expiresMs), why: 'the venue lets it lapse, and its rotation does not come before' };
  }
  if (expiresMs !== undefined && expiresMs <= (replacedMs ?? Infinity)) return { daysLeft: left(expiresMs), why: 'the venue lets it lapse' };
  if (replacedMs === undefined) return { daysLeft: 0, why: 'nobody knows how old it is, and nothing rotates it' };
  return { daysLeft: left(replacedMs), why: `it will be ${rotateDays} days old, and nothing rotates it` };
}

/** Whether a rotation that is configured did not come. */
export function isOverdue({ createsKeys, current }: KeysSeen, rotateDays: number, now: Date): boolean {
  return createsKeys && current.createdAt !== null && now.getTime() > Date.parse(current.createdAt) + (rotateDays + rotationLateDays) * dayMs;
}

/** What people were told last: of which version, and at how many days. */
export interface Told {
  readonly version: string;
  readonly days: number;
}

/** The threshold that is to be told now; undefined when there is none, or it was told. */
export function dueWarning({ daysLeft }: Lapse, version: string, told: Told | undefined, warnDays: readonly number[]): number | undefined {
  // That it is over is told, too.
  const reached = [...warnDays, 0].filter((days) => daysLeft <= days);
  if (reached.length === 0) return undefined;
  const days = Math.min(...reached);
  return told?.version === version && told.days <= days ? undefined : days;
}
