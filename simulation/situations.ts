/**
 * Where a seed's faults come from: drawn from all kinds, as usual, or from the few that make one situation, again and again in a run. What only happens in
 * a small part of a second is not met by chance.
 */
import { drawing, drawPlan, functionsHost, holder, safetyMs, type BadRelease, type Draw, type Fault, type FaultKind, type Plan } from './swarm.ts';

/** Faults in the order of their instants, from the first round to the last. */
type Rounds = (draw: Draw) => readonly (readonly [afterMs: number, fault: FaultKind])[];

const firstRoundMs = 7000;
/** None comes when they are said to be over. */
const lastMs = safetyMs - 1;

/** A way to the venue on which an order's last second in time and the next holder's first one meet. */
const lateWay = (draw: Draw): FaultKind => ({ kind: 'late-orders', next: draw.of(['cut', 'cut', 'pause', 'crash']), byMs: draw.between(700, 2500) });

/** What disturbs a machine at work. */
function somethingWrong(draw: Draw, withinMs: number, others: readonly FaultKind[] = [{ kind: 'roll-back' }, { kind: 'move-home' }]): readonly (readonly [number, FaultKind])[] {
  const { between, of } = draw;
  const faults: readonly FaultKind[] = [
    ...others, { kind: 'kill-machine' }, { kind: 'break-function' }, { kind: 'break-function', forMs: between(500, 12_000) }, { kind: 'drain', to: 'blue' }, { kind: 'halt' },
    { kind: 'crash', part: 'task' }, { kind: 'pause', part: of(['guard', 'trader', 'task']), forMs: between(500, 15_000) }, { kind: 'sigterm' },
    { kind: 'cut', service: of(['venue', 'dynamodb']), way: of(['requests', 'answers', 'both']), forMs: between(1000, 25_000) },
    { kind: 'breaks', service: 'dynamodb', oneIn: 2, forMs: between(500, 10_000) }, { kind: 'conflicts', oneIn: 3, forMs: between(1000, 10_000) },
    { kind: 'isolate', region: of(['home', 'away']), forMs: between(500, 10_000) },
    { kind: 'cut', host: functionsHost, service: 'dynamodb', way: of(['requests', 'answers']), forMs: between(500, 12_000) },
    { kind: 'breaks', host: functionsHost, service: 'dynamodb', oneIn: 2, forMs: between(500, 10_000) },
  ];
  const first = of(faults);
  return [[between(0, withinMs), first], ...(first.kind === 'halt' ? [[withinMs + between(0, 4000), { kind: 'resume' }] as const] : []), ...(draw.random() < 0.4 ? [[between(0, withinMs), of(faults)] as const] : [])];
}

const rounds: Readonly<Record<string, { readonly everyMs: number; readonly of: Rounds; readonly machines?: Plan['machines'] }>> = {
  /** Releases by the synthesized machine, and one thing more that goes wrong while each is at work. */
  'releases by their machine': {
    everyMs: 24_000, machines: 'synthesized',
    of: (draw) => {
      const release = draw.of<BadRelease | undefined>([undefined, undefined, undefined, 'never-ready', 'silent', 'silent']);
      return [[0, { kind: 'drain', to: 'green', ...(release !== undefined && { release }) }], ...(draw.random() < 0.7 ? somethingWrong(draw, 14_000) : [])];
    },
  },
  /** The home is lost in one blow or left alive, and the synthesized machine moves the book; it comes back in between. */
  'a Region lost, by its machine': {
    everyMs: 26_000, machines: 'synthesized',
    of: (draw) => [
      ...(draw.random() < 0.7 ? [[0, { kind: 'lose-region', region: draw.of<'home' | 'away'>(['home', 'home', 'away']), forMs: draw.between(4000, 25_000) }] as const] : []),
      [draw.between(200, 5000), { kind: 'move-home' }],
      ...(draw.random() < 0.5 ? somethingWrong(draw, 12_000) : []),
    ],
  },
  /** The book is moved by plan, there and back, after a release or a failover perhaps; the synthesized machine makes replicas, promotes and hands over. */
  'books moved by plan, by their machine': {
    everyMs: 26_000, machines: 'synthesized',
    of: (draw) => {
      const before = draw.random();
      return [
        ...(before < 0.25 ? [[0, { kind: 'move-home' }] as const] : before < 0.4 ? [[0, { kind: 'drain', to: 'green' }] as const] : []),
        [before < 0.4 ? draw.between(8000, 12_000) : draw.between(0, 2000), { kind: 'move-by-plan', machine: before < 0.25 ? 'failback' : draw.of(['switchover', 'failback']) }],
        ...(draw.random() < 0.6 ? somethingWrong(draw, 22_000, [{ kind: 'roll-back' }, { kind: 'move-home' }, { kind: 'lose-region', region: draw.of<'home' | 'away'>(['home', 'away']), forMs: draw.between(4000, 25_000) }]) : []),
      ];
    },
  },
  /** The key that trades is replaced at once, while the book is halted for it. Not after a failover: the tasks of a Region that was left do not get the key. */
  'a key revoked, by its machine': {
    everyMs: 26_000, machines: 'synthesized',
    of: (draw) => [[0, { kind: 'halt-for' }], ...(draw.random() < 0.7 ? somethingWrong(draw, 14_000, [{ kind: 'roll-back' }]) : [])],
  },
  /** A lease runs out while orders sent under it are still on their way. */
  'orders outlive a lease': { everyMs: 13_000, of: (draw) => [[0, lateWay(draw)]] },
  /** A guard knows nothing any more, while its trader sends by what it was told last, on a way on which orders are long. */
  'a guard stands still': {
    everyMs: 14_000,
    of: (draw) => [
      [0, { kind: 'slow', service: 'venue', byMs: draw.between(700, 2500), forMs: 8000 }],
      [draw.between(0, 1000), { kind: 'pause', part: 'guard', forMs: 9000 }],
    ],
  },
  /** An order is doubtful for a moment, and who could still have asked the venue dies before that. */
  'a writer dies in doubt': {
    everyMs: 12_000,
    of: (draw) => [
      [0, { kind: 'cut', service: 'venue', way: 'answers', forMs: draw.between(400, 1000) }],
      [draw.between(900, 3200), { kind: 'crash', part: 'task' }],
    ],
  },
  /** Nothing is known of an order that is still on its way: the connection broke that it was written into. */
  'orders in doubt': {
    everyMs: 7000,
    of: (draw) => [
      [0, { kind: 'slow', service: 'venue', byMs: draw.between(400, 1600), forMs: 3000 }],
      [draw.between(0, 500), { kind: 'breaks', service: 'venue', oneIn: 2, forMs: draw.between(1000, 2500) }],
      ...(draw.random() < 0.3 ? [[draw.between(500, 2500), draw.of<FaultKind>([{ kind: 'crash', part: 'task' }, { kind: 'drain', to: 'green' }, { kind: 'drain', to: 'blue' }])] as const] : []),
    ],
  },
  /** Machines begin while others are at work, some are killed, people halt and resume. */
  'machines meet': {
    everyMs: 1500,
    of: (draw) => [
      [0, draw.of<FaultKind>([
        { kind: 'drain', to: 'green' }, { kind: 'drain', to: 'blue' }, { kind: 'halt-for' }, { kind: 'move-home' }, { kind: 'kill-machine' }, { kind: 'resume' },
      ])],
      ...(draw.random() < 0.2 ? [[draw.between(0, 300), { kind: 'kill-machine' }] as const] : []),
    ],
  },
  /** Hand-overs and ends of tasks, with writes to the table that are doubtful. */
  'hand-overs in doubt': {
    everyMs: 3000,
    of: (draw) => [
      [0, draw.of<FaultKind>([{ kind: 'drain', to: 'green' }, { kind: 'drain', to: 'blue' }, { kind: 'sigterm' }])],
      [draw.between(0, 200), { kind: 'breaks', service: 'dynamodb', oneIn: 2, forMs: draw.between(100, 700) }],
      ...(draw.random() < 0.3 ? [[draw.between(50, 600), { kind: 'kill-machine' }] as const] : []),
    ],
  },
  /** There and back. */
  failovers: { everyMs: 8000, of: () => [[0, { kind: 'move-home' }]] },
  /** The journal's writes are done, and not answered or only late. */
  'a journal in doubt': {
    everyMs: 5000,
    of: (draw) => [
      [0, { kind: 'breaks', service: 'dynamodb', oneIn: 2, forMs: draw.between(500, 2500) }],
      [draw.between(0, 500), { kind: 'slow', service: 'dynamodb', byMs: draw.of([300, 900]), forMs: draw.between(500, 2500) }],
      ...(draw.random() < 0.5 ? [[draw.between(500, 2000), { kind: 'pause', part: 'trader', forMs: draw.between(300, 3000) }] as const] : []),
    ],
  },
};

export const usual = 'usual';
/** One usual seed in thirty-two, by its place among so many, draws what the synthesized machines meet: such a run takes longer. */
const everySo = 128;
const synthesizedShare: Readonly<Record<number, string>> = { 7: 'releases by their machine', 39: 'a Region lost, by its machine', 71: 'a key revoked, by its machine', 103: 'books moved by plan, by their machine' };
export const situations: readonly string[] = [usual, ...Object.keys(rounds)];

export function planOf(situation: string, seed: number): Plan {
  const plan = drawPlan(seed);
  const share = synthesizedShare[seed % everySo];
  if (situation === usual) return share === undefined ? plan : planOf(share, seed);
  const chosen = rounds[situation];
  if (chosen === undefined) throw new Error(`no situation '${situation}': there are ${situations.join(', ')}`);
  const draw = drawing(seed ^ 0x517e);
  const faults: Fault[] = [];
  for (let atMs = firstRoundMs; atMs < safetyMs - 2000; atMs += chosen.everyMs * draw.between(0.8, 1.2)) {
    for (const [afterMs, fault] of chosen.of(draw)) faults.push({ ...fault, atMs: Math.min(atMs + afterMs, lastMs), whom: holder });
  }
  return { ...plan, machines: chosen.machines ?? 'stand-ins', faults: faults.sort((a, b) => a.atMs - b.atMs) };
}
