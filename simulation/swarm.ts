/**
 * What a run meets, drawn from its seed before it begins: how far clocks drift, how slow the ways are, which kinds of fault there are in this run at
 * all and how many. Each run has few kinds: one that has all of them has each at its tamest (swarm testing, Groce et al. 2012).
 */
import { seeded } from '../rehearsal/seeded.ts';
import type { Latency } from './network.ts';

export type Part = 'guard' | 'trader' | 'task';
export type Service = 'dynamodb' | 'venue' | 'cache' | 'database';

/** What is wrong with a release: its traders never say that they are ready, or they are and send nothing. */
export type BadRelease = 'never-ready' | 'silent';

/** A failback is a switchover, and makes the replica before where there is none. */
export type PlannedMove = 'switchover' | 'failback';

export type FaultKind =
  | { readonly kind: 'pause'; readonly part: Part; readonly forMs: number }
  | { readonly kind: 'crash'; readonly part: Part }
  | { readonly kind: 'sigterm' }
  /** Of a task, where no host is named. */
  | { readonly kind: 'cut'; readonly service: Service; readonly way: 'requests' | 'answers' | 'both'; readonly forMs: number; readonly host?: string }
  | { readonly kind: 'slow'; readonly service: Service; readonly byMs: number; readonly forMs: number }
  | { readonly kind: 'breaks'; readonly service: Service; readonly oneIn: number; readonly forMs: number; readonly host?: string }
  /** The Region reaches neither the other one nor the witness. */
  | { readonly kind: 'isolate'; readonly region: 'home' | 'away'; readonly forMs: number }
  | { readonly kind: 'conflicts'; readonly oneIn: number; readonly forMs: number }
  /** Somebody sets the venue's clock forward. */
  | { readonly kind: 'venue-clock'; readonly byMs: number }
  | { readonly kind: 'closed-database'; readonly forMs: number }
  /** Orders are long on their way when their sender is lost, stands still or has to hand over: nothing but their expiry stops them. */
  | { readonly kind: 'late-orders'; readonly next: 'crash' | 'pause' | 'drain' | 'cut'; readonly byMs: number }
  | { readonly kind: 'drain'; readonly to: 'blue' | 'green'; readonly release?: BadRelease }
  /** A machine ends in the middle of what it does, and the last net cleans up. */
  | { readonly kind: 'halt' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'move-home' }
  /** By the machine of the planned moves, in the Region that is not home. */
  | { readonly kind: 'move-by-plan'; readonly machine: PlannedMove }
  /** A machine that halts the book for its own purpose, and opens it again. */
  | { readonly kind: 'halt-for' }
  | { readonly kind: 'kill-machine' }
  | { readonly kind: 'roll-back' }
  /** A function of a machine ends in the middle of what it does, or stands still for so long. */
  | { readonly kind: 'break-function'; readonly forMs?: number }
  | { readonly kind: 'lose-region'; readonly region: 'home' | 'away'; readonly forMs: number };

export type Fault = FaultKind & {
  readonly atMs: number;
  /** Which task, of those that there are; a high one means the holder. */
  readonly whom: number;
};

export interface Plan {
  readonly seed: number;
  readonly driftPpm: number;
  readonly latencyMs: Readonly<Record<Service | 'secretsmanager', Latency>>;
  readonly faults: readonly Fault[];
  /** What people start: the machines as they are synthesized, or what each of them writes. */
  readonly machines: 'synthesized' | 'stand-ins';
}

/** Faults begin when the book trades, and end in time for the last of them to be seen. */
export const safetyMs = 60_000;
const quietMs = 6000;
const holderShare = 0.6;
export const holder = 99;
/** Where the functions of machines run. */
export const functionsHost = 'functions';

export interface Draw {
  readonly random: () => number;
  readonly between: (least: number, most: number) => number;
  readonly whole: (least: number, most: number) => number;
  readonly of: <One>(choices: readonly One[]) => One;
}

export function drawing(seed: number): Draw {
  const random = seeded(seed);
  const between = (least: number, most: number): number => least + random() * (most - least);
  return {
    random, between,
    whole: (least, most) => Math.floor(between(least, most + 1)),
    of: (choices) => choices[Math.floor(random() * choices.length)]!,
  };
}

const services: readonly Service[] = ['dynamodb', 'dynamodb', 'venue', 'venue', 'cache', 'database'];

/** How each kind is drawn; a run draws from a few of these. */
const kinds: Readonly<Record<string, (draw: Draw) => FaultKind>> = {
  'short pause': ({ of, between }) => ({ kind: 'pause', part: of(['guard', 'trader', 'task']), forMs: between(20, 2000) }),
  'long pause': ({ of, between }) => ({ kind: 'pause', part: of(['guard', 'trader', 'task']), forMs: between(2000, 20_000) }),
  crash: ({ of }) => ({ kind: 'crash', part: of(['guard', 'trader', 'task', 'task']) }),
  sigterm: () => ({ kind: 'sigterm' }),
  cut: ({ of, between }) => ({ kind: 'cut', service: of(services), way: of(['requests', 'answers', 'both']), forMs: between(50, 12_000) }),
  slow: ({ of, between }) => ({ kind: 'slow', service: of(services), byMs: between(20, of([200, 1500, 15_000])), forMs: between(200, 12_000) }),
  breaks: ({ of, whole, between }) => ({ kind: 'breaks', service: of(services), oneIn: whole(2, 20), forMs: between(500, 10_000) }),
  isolate: ({ of, between }) => ({ kind: 'isolate', region: of(['home', 'home', 'away']), forMs: between(200, 15_000) }),
  conflicts: ({ whole, between }) => ({ kind: 'conflicts', oneIn: whole(2, 10), forMs: between(1000, 15_000) }),
  'venue-clock': ({ between }) => ({ kind: 'venue-clock', byMs: between(1, 3000) }),
  'closed-database': ({ between }) => ({ kind: 'closed-database', forMs: between(500, 20_000) }),
  'late orders': ({ of, between }) => ({ kind: 'late-orders', next: of(['crash', 'pause', 'drain', 'cut', 'cut']), byMs: between(1000, of([4000, 25_000])) }),
  drain: ({ of }) => ({ kind: 'drain', to: of(['blue', 'green']) }),
  'drain again': ({ of }) => ({ kind: 'drain', to: of(['blue', 'green']) }),
  halt: ({ of }) => ({ kind: of(['halt', 'resume', 'resume']) }),
  'move-home': () => ({ kind: 'move-home' }),
  'halt-for': () => ({ kind: 'halt-for' }),
  'kill-machine': () => ({ kind: 'kill-machine' }),
};

export function drawPlan(seed: number): Plan {
  const draw = drawing(seed);
  const { between, whole, of, random } = draw;
  const far = of([1, 1, 3]);
  const latencyMs = {
    dynamodb: { least: 3, most: between(6, 20) * far },
    venue: { least: 1, most: between(3, 15) * far },
    cache: { least: 0.2, most: 1.5 },
    database: { least: 0.5, most: 4 },
    secretsmanager: { least: 5, most: 30 },
  };
  const chosen = [of(Object.values(kinds)), ...Object.values(kinds).filter(() => random() < 0.3)];
  const inAll = whole(1, of([4, 12, 30]));
  const faults = Array.from({ length: inAll }, (): Fault => {
    const atMs = between(quietMs, safetyMs - 1000);
    const whom = random() < holderShare ? holder : whole(0, 7);
    return { ...of(chosen)(draw), atMs, whom };
  });
  return { seed, driftPpm: of([0, 100, 9_000]), latencyMs, faults: faults.sort((a, b) => a.atMs - b.atMs), machines: 'stand-ins' };
}
