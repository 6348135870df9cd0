/** The watch over a Region, on the lease in memory: what it does about a Region that disagrees with the lease, and what it leaves alone. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { RecordedLive } from '../../lib/contracts/standby.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Lease } from '../../lib/lease/model.ts';
import { watchSteps } from '../../lib/standby/watch.ts';

const here = 'us-west-2';
const there = 'us-east-1';
const books = ['alpha', 'beta'] as BookName[];
const alpha = books[0]!;
const live = { imageDigest: 'sha256:new', guardDigest: 'sha256:guard', taskDefinition: 'arn:aws:ecs:us-east-1:1:task-definition/baton-dev-alpha:7' };
const recorded = { imageDigest: live.imageDigest, taskDefinition: 'arn:aws:ecs:us-west-2:1:task-definition/baton-dev-alpha:3', standbyOf: live.taskDefinition };
const executionOf = (machine: string): string => `arn:aws:states:us-west-2:111111111111:execution:baton-dev-${machine}:one`;

class WatchedWorld {
  readonly store = new MemoryLeaseStore();
  readonly control = new LeaseControl(this.store);
  facts: Record<string, string> = { 'home-region': there, 'writing-database': there };
  database: 'replica' | 'writable' | 'isolated' | 'unreachable' = 'replica';
  /** Whether backups take the database. */
  isBackedUp = false;
  recorded: RecordedLive | undefined = recorded;
  booksThatWrite: string[] = [];
  ready = true;
  readonly started: string[] = [];
  /** Whether the instances' beats move between two looks. */
  alive = true;
  pauses = 0;
  #beat = 0;

  static async new(home: string = there): Promise<WatchedWorld> {
    const world = new WatchedWorld();
    for (const book of books) {
      await world.control.createBook({ book, home, leaseMs: 5000 });
      world.set(book, { mode: 'open', live });
    }
    world.beat();
    return world;
  }

  set(book: BookName, set: Partial<Pick<Lease, 'home' | 'mode' | 'live'>>): void {
    this.store.writeNow({ name: 'renew', book, expects: [], set });
  }

  beat(): void {
    this.#beat += 1;
    for (const book of books) {
      this.store.registerNow({
        book, instance: instanceId(here, 'green', 'i1'), colour: 'green', region: here, imageDigest: live.imageDigest,
        ready: this.ready, reconciled: true, beat: this.#beat,
      });
    }
  }

  look(): ReturnType<ReturnType<typeof this.watch>> {
    return this.watch()({});
  }

  watch() {
    return watchSteps({
      control: this.control, books, booksThatWrite: this.booksThatWrite, region: here,
      record: async (fact, region) => {
        const changes = this.facts[fact] !== region;
        this.facts[fact] = region;
        return changes;
      },
      live: async () => this.recorded,
      refresh: async (name) => {
        const isNew = !this.started.includes(name);
        if (isNew) this.started.push(name);
        return isNew;
      },
      database: {
        isWritable: async () => {
          if (this.database === 'unreachable') throw new Error('no route to the database');
          return this.database === 'writable';
        },
        isolate: async () => {
          this.database = 'isolated';
        },
        tagWritten: async (isWritten) => {
          const changes = this.isBackedUp !== isWritten;
          this.isBackedUp = isWritten;
          return changes;
        },
      },
      pause: async () => {
        this.pauses += 1;
        if (this.alive) this.beat();
      },
      now: () => new Date('2026-11-21T20:15:00Z'),
    }).watch;
  }
}

describe('a standby Region', () => {
  let world: WatchedWorld;
  beforeEach(async () => {
    world = await WatchedWorld.new();
  });

  it('that agrees with the lease is left alone', async () => {
    expect(await world.look()).toEqual({ home: there, standby: 'current', work: 'done', faults: [], seen: [] });
    expect({ ...world.facts, database: world.database, started: world.started })
      .toEqual({ 'home-region': there, 'writing-database': there, database: 'replica', started: [] });
  });

  it('is refreshed when another release is live: once an hour for each, whoever looks how often', async () => {
    world.recorded = { ...recorded, standbyOf: live.taskDefinition.replace(':7', ':6') };
    expect(await world.look()).toMatchObject({ standby: 'stale' });
    expect(await world.look()).toMatchObject({ standby: 'stale' });
    expect(world.started).toEqual(['alpha-baton-dev-alpha-7-2026-11-21T20', 'beta-baton-dev-alpha-7-2026-11-21T20']);
  });

  it('that never had a refresh gets one; a book that nobody has traded needs none', async () => {
    world.recorded = undefined;
    await world.control.createBook({ book: 'gamma' as BookName, home: there, leaseMs: 5000 });
    books.push('gamma' as BookName);
    try {
      expect(await world.look()).toMatchObject({ standby: 'stale' });
    } finally {
      books.pop();
    }
  });

  it('whose instances are dead is said to be stale, and not refreshed: ECS starts tasks again', async () => {
    world.alive = false;
    const { standby, seen } = await world.look();
    expect({ standby, started: world.started }).toEqual({ standby: 'stale', started: [] });
    expect(seen.join()).toMatch(/alpha: .*has not been seen alive/);
  });

  it('is current with a bot that needs the database, and is not ready beside a replica', async () => {
    world.ready = false;
    world.beat();
    expect(await world.look()).toMatchObject({ standby: 'stale' });
    world.booksThatWrite.push(...books);
    expect(await world.look()).toMatchObject({ standby: 'current', seen: [] });
  });

  it('is judged by what was seen at the look before, while the process lives', async () => {
    const watch = world.watch();
    await watch({});
    world.beat();
    world.pauses = 0;
    expect(await watch({})).toMatchObject({ standby: 'current' });
    expect(await watch({})).toMatchObject({ standby: 'stale' });
    expect(world.pauses).toBe(0);
  });

  it('that had the books before they were moved away stands by with what it ran', async () => {
    world.recorded = { imageDigest: live.imageDigest, taskDefinition: live.taskDefinition };
    expect(await world.look()).toMatchObject({ standby: 'current' });
  });

  it.each(['failover', 'switchover', 'failback'])('is not refreshed while a %s moves a book', async (machine) => {
    world.recorded = undefined;
    await world.control.takeWorkflow(alpha, executionOf(machine));
    expect(await world.look()).toMatchObject({ standby: 'stale' });
    expect(world.started).toEqual([expect.stringMatching(/^beta/)]);
  });
});

describe('a Region that comes back when its books were moved away', () => {
  let zombie: WatchedWorld;
  beforeEach(async () => {
    zombie = await WatchedWorld.new();
    zombie.facts = { 'home-region': here, 'writing-database': here };
    zombie.database = 'writable';
  });

  it('corrects its facts and isolates its database before anyone writes to it', async () => {
    expect(await zombie.look()).toMatchObject({ work: 'done' });
    expect({ ...zombie.facts, database: zombie.database }).toEqual({ 'home-region': there, 'writing-database': there, database: 'isolated' });
  });

  it('has its database backed up no more; a replica would not be promoted while it is', async () => {
    zombie.isBackedUp = true;
    await zombie.look();
    expect(zombie.isBackedUp).toBe(false);
  });

  it('does so while the failover is not done yet', async () => {
    for (const book of books) await zombie.control.takeWorkflow(book, executionOf('failover'));
    await zombie.look();
    expect(zombie.database).toBe('isolated');
  });

  it.each(['switchover', 'failback'])('leaves the database to a %s, which completes its ledger first', async (machine) => {
    await zombie.control.takeWorkflow(alpha, executionOf(machine));
    await zombie.look();
    expect(zombie.database).toBe('writable');
    expect(zombie.facts).toEqual({ 'home-region': there, 'writing-database': here });
  });

  it('says what it could not do, and does the rest', async () => {
    zombie.database = 'unreachable';
    expect(await zombie.look()).toMatchObject({ work: 'failed', faults: ['the database: no route to the database'], standby: 'current' });
    expect(zombie.facts['home-region']).toBe(there);
  });
});

describe('the home Region', () => {
  it('records its database once it is writable, and has no standby of its own to judge', async () => {
    const world = await WatchedWorld.new(here);
    world.recorded = undefined;
    expect(await world.look()).toMatchObject({ home: here, standby: 'current' });
    expect(world.facts).toEqual({ 'home-region': here, 'writing-database': there });
    world.database = 'writable';
    await world.look();
    expect({ fact: world.facts['writing-database'], isBackedUp: world.isBackedUp }).toEqual({ fact: here, isBackedUp: true });
    expect(world.started).toEqual([]);
  });
});

it('books of two homes are left to whoever moves them', async () => {
  const world = await WatchedWorld.new();
  world.set(alpha, { home: here });
  world.database = 'writable';
  expect(await world.look()).toMatchObject({ home: '', standby: 'stale', seen: [expect.stringMatching(/us-west-2, us-east-1/)] });
  expect({ database: world.database, facts: world.facts['home-region'] }).toEqual({ database: 'writable', facts: there });
});
