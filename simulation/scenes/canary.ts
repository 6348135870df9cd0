/** Canaries: what is seen of each while it is watched, and what people decide. */
import type { CanaryReading } from '../../lib/cutover/canary.ts';
import type { Epoch, Live } from '../../lib/lease/model.ts';
import type { JournalMark } from '../../lib/trading/journal.ts';
import type { Json } from '../../rehearsal/states/engine.ts';
import { canaryBook, CutoverWorld, images, request } from '../worlds/cutover.ts';
import type { Desk } from '../worlds/desk.ts';

export const executionArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-dev-canary:run-1';
export const old = { imageDigest: 'sha256:old', guardDigest: images.guard, taskDefinition: 'baton-dev-alphac:3' };
export const looks = 15;

/** A minute of a healthy canary. */
export const good: CanaryReading = { sent: 600, failed: 0, latenciesMs: [20], result: { cash: '-5', base: '0', since: '1', mid: '60000' } };

export interface Story {
  readonly reading?: (look: number) => Partial<CanaryReading>;
  /** Nothing was recorded as live before. */
  readonly first?: boolean;
  /** How the executions that it starts end: by machine and book, `cutover alphac`. */
  readonly ends?: Readonly<Record<string, { readonly Status: string; readonly Error?: string; readonly Cause?: string } | undefined>>;
  readonly approvalsRequired?: number;
  readonly asked?: (desk: Desk, looks: number) => unknown;
}

export async function canary({ reading = () => ({}), first = false, ends = {}, approvalsRequired = 0, asked }: Story = {}): Promise<CutoverWorld> {
  const world = await CutoverWorld.new();
  await world.control.createBook({ book: canaryBook, home: 'us-east-1', leaseMs: 5000 });
  const live = (taskDefinition: Live): void =>
    void world.store.writeNow({ name: 'record-live', book: canaryBook, expects: [], set: { mode: 'open', live: taskDefinition } });
  if (!first) live(old);
  let look = 0;
  let askedTimes = 0;
  world.approvalsRequired = approvalsRequired;
  world.onAsked = (desk) => asked?.(desk, (askedTimes += 1));
  // The first look, which only begins, is not one of the story's.
  const before = { cash: '0', base: '0', since: '1', mid: '60000' };
  const now = (): CanaryReading => ({ ...good, ...reading(look) });
  world.figures = {
    mark: async () => {
      const isWatched = world.parts.size > 0;
      if (isWatched) look += 1;
      return { epoch: 3 as Epoch, sequence: 100, ...(isWatched ? { result: now().result } : { result: before }) } as JournalMark;
    },
    orders: async (_, next) => ({ ...now(), next }),
  };
  world.partEnds = (machine, input) => {
    const named = `${machine} ${input['book'] as string}`;
    const end = named in ends ? ends[named] : { Status: 'SUCCEEDED' };
    if (named === `cutover ${canaryBook}` && end?.Status === 'SUCCEEDED') live({ imageDigest: images.trader, guardDigest: images.guard, taskDefinition: 'baton-dev-alphac:4' });
    return end;
  };
  return world;
}

export const typed = (world: CutoverWorld, more: Record<string, Json> = {}): Json => ({
  ...request, ...(world.approvalsRequired > 0 && { proof: world.desk().request('ada', 'canary/run-1') }), ...more,
});
export const failed = { Status: 'FAILED', Error: 'NeedsAPerson', Cause: 'it does not trade' };
export const lost = (share: number): Partial<CanaryReading> => ({ result: { cash: String(-share * 10_000), base: '0', since: '1', mid: '60000' } });
export const unknown = (): Partial<CanaryReading> => ({ result: undefined });
export const byTwo = (name: string) => (desk: Desk, n: number): unknown => n > 1 && desk.decide(['grace', 'edsger'][n - 2] ?? 'edsger', 'approve', name);

export const stories = {
  healthy: () => canary(),
  losing: () => canary({ reading: (look) => (look < 3 ? {} : lost(0.03)) }),
  losingFirst: () => canary({ first: true, reading: () => lost(0.03) }),
  undecided: () => canary({ reading: unknown }),
  decidedFor: () => canary({ reading: unknown, asked: (desk) => desk.decide('grace', 'approve', 'canary/run-1/verdict') }),
  approved: () => canary({ approvalsRequired: 2, asked: byTwo('canary/run-1') }),
  unapproved: () => canary({ approvalsRequired: 2 }),
} satisfies Record<string, () => Promise<CutoverWorld>>;
