/** The synthesized failover, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { haltOf } from '../../lib/lease/control.ts';
import type { Epoch } from '../../lib/lease/model.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { force, inputOf, scenarios } from '../../simulation/scenes/failover.ts';
import { alpha, away, beta, books, executionArn, here, live, RecoveryWorld, request } from '../../simulation/worlds/recovery.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const definition = synthesizedMachines().machines.get('failover')!;
const coverage = new Coverage(definition);
const acceptDataLoss = { maxSeconds: 900, reason: 'the source is gone', approvedBy: 'grace' };
const cutoverThere = `arn:aws:states:${away}:111111111111:execution:baton-dev-cutover:run-9`;

const run = (world: RecoveryWorld, input: object = request): ReturnType<Coverage['run']> => coverage.run(world, input as never, executionArn);
const released = (world: RecoveryWorld): void => {
  for (const book of books) expect(world.lease(book).workflow).not.toHaveProperty('execution');
};
interface Step { readonly what: string; readonly budgetSeconds?: number; readonly actualSeconds?: number }
const report = (world: RecoveryWorld): Record<string, unknown> & { steps: readonly Step[] } => world.reports.get('failovers/run-1.json') as never;
const whatIs = (world: RecoveryWorld): unknown =>
  structuredClone({ leases: books.map((book) => world.lease(book)), parameters: [...world.parameters], secrets: [...world.secrets], database: world.database, sets: [...world.taskSets] });

describe('a failover', () => {
  it('moves every book, brings over what belongs to them, and reports what was measured', async () => {
    const world = await RecoveryWorld.lost();
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    for (const book of books) {
      expect(world.lease(book)).toMatchObject({
        home: here, mode: 'open', epoch: 8, holder: world.instance(book, here), live: { ...live, taskDefinition: `baton-dev-${book}:3` },
      });
      expect(world.taskSets.get(`baton-dev-${book}`)).toMatchObject([{ percent: 100, Status: 'PRIMARY', running: 2 }]);
      expect(JSON.parse(world.parameters.get(`/baton/dev/${book}/live`)!)).toEqual({ ...live, taskDefinition: `baton-dev-${book}:3` });
    }
    expect(world.database).toMatchObject({ replica: false, multiAz: true, promotions: 1, missing: 0 });
    expect([...world.parameters.keys()].filter((name) => name.includes('region') || name.includes('writing'))).toEqual([
      `/baton/dev/home-region/${here}`, `/baton/dev/writing-database/${here}`,
    ]);
    expect([...world.secrets.values()]).toEqual(books.map(() => here).concat(here));
    expect(report(world)).toMatchObject({
      outcome: 'succeeded', from: away, to: here, measured: { rpoSeconds: 1, ordersMissingBefore: 4, ordersMissingAfter: 0 },
      limits: { rtoSeconds: 8, rpoSeconds: 300 }, evidence: { lost: true },
      books: [{ book: alpha, state: 'trading', epoch: 8, epochBefore: 7 }, { book: beta, state: 'trading' }],
    });
    for (const { what, budgetSeconds, actualSeconds } of report(world).steps) {
      expect({ what, told: typeof budgetSeconds === 'number' && typeof actualSeconds === 'number' }).toEqual({ what, told: true });
    }
    expect(report(world).steps.map(({ what }) => what)).toEqual(expect.arrayContaining([
      'The first orders were accepted here.', 'The database here takes writes.', 'The ledger is complete.', 'The books have two tasks each.',
    ]));
    expect(world.reports.get('failovers/run-1-decision.json')).toMatchObject({ from: away, request });
    expect(world.metrics).toEqual({ FailoverRtoSeconds: expect.any(Number) as number, FailoverRpoSeconds: 1 });
    expect(world.notices).toEqual(['Baton: failover of all books succeeded']);
    released(world);
  });

  it('takes the books from a cutover of the lost Region, which writes nothing more', async () => {
    const world = await RecoveryWorld.lost();
    const { token } = await world.control.takeWorkflow(alpha, cutoverThere);
    expect((await run(world)).ending).toBe('Succeeded');
    await expect(world.control.recordLive(alpha, token, live)).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
    released(world);
  });

  it('moves a book that was halted, and leaves it halted; the report says so', async () => {
    const world = await RecoveryWorld.lost();
    world.store.writeNow(haltOf(beta, { reason: 'orders that nobody understands', by: 'grace' }));
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    expect(world.lease(beta)).toMatchObject({ home: here, mode: 'halted', epoch: 7 });
    expect(world.lease(alpha)).toMatchObject({ home: here, epoch: 8 });
    expect(world.database).toMatchObject({ replica: false });
    expect(world.taskSets.get(`baton-dev-${beta}`)).toMatchObject([{ percent: 100 }]);
    expect(report(world)).toMatchObject({ books: [{}, { state: 'halted', modeBefore: 'halted', seen: expect.stringContaining('grace') as string }] });
    released(world);
  });

  it('asks for a person when a book is halted on the way, by its own trader', async () => {
    const world = await RecoveryWorld.lost();
    world.takesOver = (book) => {
      if (book === beta) world.store.writeNow(haltOf(beta, { reason: 'the position is not the venue’s', by: 'its trader' }));
      return book === alpha;
    };
    expect(await run(world)).toMatchObject({
      ending: 'NeedsAPerson', cause: expect.stringContaining(`${beta} does not trade here: it is halted, by its trader: the position`) as string,
    });
  });

  it('goes on with the database when one of two books does not trade, and asks for a person', async () => {
    const world = await RecoveryWorld.lost();
    world.trades = (book) => book === alpha;
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(new RegExp(`${beta} does not trade here: .*0 accepted orders seen`));
    expect(cause).not.toMatch(new RegExp(`${alpha} does not`));
    expect(world.database).toMatchObject({ replica: false, missing: 0 });
    expect(report(world)).toMatchObject({ books: [{ state: 'trading' }, { state: 'waiting' }], secrets: { fault: '' } });
    released(world);
  });

  it('waits for a standby that is not ready, and no longer than it may', async () => {
    const world = await RecoveryWorld.lost();
    world.takesOver = (book) => book === beta;
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining(`${alpha} does not trade here: nobody in ${here} holds it`) as string });
  });

  it('goes on although nobody can be told, and says so', async () => {
    const world = await RecoveryWorld.lost();
    world.topicAnswers = false;
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining('Nobody was told') as string });
    expect(world.lease()).toMatchObject({ home: here, epoch: 8 });
    released(world);
  });
});

describe('the evidence', () => {
  it('that contradicts whoever asks refuses the failover, and nothing was changed', async () => {
    const world = await RecoveryWorld.lost();
    Object.assign(world, { homeLives: true, regionAnswers: true });
    const before = books.map((book) => world.lease(book).workflow);
    const { ending, cause } = await run(world);
    expect(ending).toBe('Refused');
    expect(cause).toMatch(/Nothing that can be seen from .* bears out that .* is lost: lease \(not lost\).*start a switchover/);
    expect(books.map((book) => world.lease(book).workflow)).toEqual(before);
    expect(world.lease()).toMatchObject({ home: away, epoch: 7 });
    expect(world.reports.get('failovers/run-1-decision.json')).toMatchObject({ request });
  });

  it('is overruled by two people', async () => {
    const world = await RecoveryWorld.lost();
    Object.assign(world, { homeLives: true, regionAnswers: true });
    expect((await run(world, { ...request, force })).ending).toBe('Succeeded');
    expect(report(world)).toMatchObject({ force, evidence: { lost: false } });
    expect(report(world).steps.map(({ what }) => what)).toContain('It was forced.');
  });

  it('of one side is enough: the control planes are gone, the old trader lives', async () => {
    const world = await RecoveryWorld.lost();
    world.homeLives = true;
    expect((await run(world)).ending).toBe('Succeeded');
    expect(report(world)).toMatchObject({ evidence: { sides: expect.arrayContaining([expect.objectContaining({ side: 'region', lost: true }), expect.objectContaining({ side: 'lease', lost: false })]) as unknown } });
  });
});

describe('the database', () => {
  const lagging = async (): Promise<RecoveryWorld> => Object.assign(await RecoveryWorld.lost(), { replicaLagSeconds: 629, spanSeconds: 420 });

  it('that lags too much is not promoted; trading goes on, and a person is asked', async () => {
    const world = await lagging();
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/lacks 600 s of what was written .*was not promoted.*acceptDataLoss/);
    expect(world.database).toMatchObject({ replica: true, promotions: 0 });
    expect(world.parameters.has(`/baton/dev/writing-database/${here}`)).toBe(false);
    expect(world.lease()).toMatchObject({ home: here, epoch: 8 });
    expect(world.metrics['FailoverRpoSeconds']).toBe(600);
    released(world);
  });

  it('is promoted once two people accept the loss, in an execution of its own', async () => {
    const world = await lagging();
    await run(world);
    expect((await run(world, { ...request, acceptDataLoss })).ending).toBe('Succeeded');
    expect(world.database).toMatchObject({ replica: false, missing: 0 });
    expect(world.lease()).toMatchObject({ home: here, epoch: 8 });
    expect(report(world)).toMatchObject({ acceptDataLoss, from: '', measured: { rpoSeconds: 600 } });
  });

  it('that lags more than was accepted is not promoted either', async () => {
    const world = await lagging();
    expect(await run(world, { ...request, acceptDataLoss: { ...acceptDataLoss, maxSeconds: 500 } })).toMatchObject({
      ending: 'NeedsAPerson', cause: expect.stringContaining('lacks 600 s') as string,
    });
  });

  it('does not lag because nobody has written for long', async () => {
    const world = Object.assign(await RecoveryWorld.lost(), { replicaLagSeconds: 3600, quietSeconds: 3599 });
    expect((await run(world)).ending).toBe('Succeeded');
  });

  it.each([
    ['without a metric, by the orders alone', { replicaLagSeconds: undefined, spanSeconds: 420 }, 'lacks 420 s'],
    ['by the metric, where the orders tell less', { replicaLagSeconds: 500, spanSeconds: 0, quietSeconds: 2 }, 'lacks 498 s'],
  ])('is judged %s', async (_, of, words) => {
    expect(await run(Object.assign(await RecoveryWorld.lost(), of))).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining(words) as string });
  });

  it('is promoted without a word of the metric or of orders, when nothing was ever journaled', async () => {
    expect((await run(Object.assign(await RecoveryWorld.lost(), { replicaLagSeconds: 4000, quietSeconds: null, spanSeconds: 0 }))).ending).toBe('Succeeded');
  });

  it('is asked again when its promotion fails once', async () => {
    const world = Object.assign(await RecoveryWorld.lost(), { promotionFails: 1 });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.database.promotions).toBe(2);
  });

  it('may take its time', async () => {
    const world = Object.assign(await RecoveryWorld.lost(), { promotionLooks: 400 });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.database.promotions).toBe(1);
  });

  it('that is never promoted needs a person; trading goes on', async () => {
    const world = Object.assign(await RecoveryWorld.lost(), { promotionLooks: Infinity });
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining('The promotion of the database has not ended after 2700 s; it is modifying') as string });
    expect(world.lease()).toMatchObject({ home: here, epoch: 8 });
    released(world);
  });

  it('whose ledger does not become complete needs a person, in words', async () => {
    const world = Object.assign(await RecoveryWorld.lost(), { ledgerCompletes: false });
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining('still lacks orders: 4 accepted orders missing') as string });
  });
});

describe('what else may be missing', () => {
  it('is said of tasks that do not come up', async () => {
    const world = Object.assign(await RecoveryWorld.lost(), { tasksCome: false });
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining(`${alpha} has fewer tasks than it should`) as string });
  });

  it('is said of a book that has no task here, and the others go on', async () => {
    const world = await RecoveryWorld.lost();
    world.taskSets.set(`baton-dev-${beta}`, []);
    world.takesOver = (book) => book === alpha;
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining(`${beta} has no task here: refresh its standby`) as string });
    expect(world.taskSets.get(`baton-dev-${alpha}`)).toMatchObject([{ percent: 100 }]);
  });

  it('strengthens the colour that trades, while another is being made ready', async () => {
    const world = await RecoveryWorld.lost();
    world.taskSets.get(`baton-dev-${alpha}`)!.unshift({ Id: 'ts-newer', ExternalId: 'blue', TaskDefinition: 'baton-dev-alpha:4', Status: 'ACTIVE', percent: 50, running: 1 });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.taskSets.get(`baton-dev-${alpha}`)).toMatchObject([{ Id: 'ts-newer', percent: 50 }, { Id: `ts-${alpha}`, percent: 100, Status: 'PRIMARY' }]);
    expect(world.lease(alpha).live).toMatchObject({ taskDefinition: 'baton-dev-alpha:3' });
  });
});

describe('a failover that is refused', () => {
  it('where the books are at home here and the database is written', async () => {
    const world = await RecoveryWorld.moved();
    world.parameters.set(`/baton/dev/writing-database/${here}`, here);
    const before = whatIs(world);
    expect(await run(world)).toMatchObject({ ending: 'Refused', cause: expect.stringContaining('start the machine in the other Region') as string });
    expect(whatIs(world)).toEqual(before);
  });

  it('when it is started twice: the second finds the books taken', async () => {
    const world = await RecoveryWorld.lost();
    await world.control.takeWorkflow(alpha, executionArn.replace('run-1', 'run-0'));
    expect(await run(world)).toMatchObject({ ending: 'Refused', cause: expect.stringContaining('run-0') as string });
    expect(world.lease()).toMatchObject({ home: away });
    expect(world.lease(beta).workflow).not.toHaveProperty('execution');
  });

  it('when the input is none', async () => {
    const world = await RecoveryWorld.lost();
    expect(await run(world, { reason: 'x' })).toMatchObject({ ending: 'Refused', cause: expect.stringContaining('The input is not a failover') as string });
  });
});

describe('a failover that loses the books to another', () => {
  it('stops when they are taken before the homes have moved', async () => {
    const world = await RecoveryWorld.lost();
    world.faults.set('Move the homes of the books to this Region', () => {
      for (const book of books) void world.control.takeWorkflow(book, 'a failover from elsewhere', () => true);
      return undefined;
    });
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining('Pre-empted') as string });
    expect(world.lease().workflow.execution).toBe('a failover from elsewhere');
  });

  it('leaves the database alone when they are taken while it waits for orders', async () => {
    const world = await RecoveryWorld.lost();
    world.faults.set('Look for accepted orders from this Region', () => {
      throw new TaskFailure('WorkflowPreemptedError', 'taken');
    });
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining('Pre-empted') as string });
    expect(world.database.promotions).toBe(0);
  });
});

/** What a step fails at is lost for good only before the books were taken. */
const refusing = ['Check the request that was typed', 'Look for signs of life in the home Region', 'Look whether the database is written here'];
await coverage.everyFault({
  scenarios,
  input: inputOf,
  execution: executionArn,
  beside: (error, world, args) => {
    if (error === 'Ssm.ParameterNotFoundException') world.parameters.delete((args as { Name: string }).Name);
    // The instance was seen busy: it is, with the promotion.
    if (error === 'Rds.InvalidDbInstanceStateException' && world.database.replica) Object.assign(world.database, { status: 'modifying' });
  },
  endingOf: (state, error, usually) => {
    if (refusing.includes(state)) return error === 'Ssm.ParameterNotFoundException' ? usually : 'Refused';
    if (state === 'Take the books from whoever has them') return error === 'States.ALL' ? 'NeedsAPerson' : 'Refused';
    if (['Ssm.ParameterNotFoundException', 'Rds.InvalidDbInstanceStateException'].includes(error)) return usually;
    // Without its metric the orders tell.
    if (state === 'Read how far the replica was behind') return usually;
    return 'NeedsAPerson';
  },
});

describe('what nobody expected', () => {
  it.each([
    ['Look for signs of life in the home Region', 'Refused'],
    ['Look for accepted orders from this Region', 'NeedsAPerson'],
    ['Look what runs of the book here', 'NeedsAPerson'],
    ['Look whether a secret is a replica', 'NeedsAPerson'],
  ])('ends as declared in %s', async (state, ending) => {
    const world = await RecoveryWorld.lost();
    world.faults.set(state, () => {
      throw new TaskFailure('Unforeseen', 'it said so');
    });
    expect((await run(world)).ending).toBe(ending);
  });
});

it('a lease that is gone refuses it before anything was changed', async () => {
  const world = await RecoveryWorld.lost();
  world.faults.set('Look for signs of life in the home Region', () => {
    throw new TaskFailure('LeaseMissingError', 'it is gone');
  });
  expect((await run(world)).ending).toBe('Refused');
});

it('an answer of another shape than was agreed ends it loudly, with the books given back', async () => {
  const world = await RecoveryWorld.lost();
  world.faults.set('Look what the replica lacks', () => ({ StatusCode: 200, Payload: { missing: 'many', spanSeconds: 'long', quietSeconds: 0, seen: '' } }));
  expect((await run(world)).ending).toBe('NeedsAPerson');
  expect(world.lease()).toMatchObject({ home: here, epoch: 8 });
  released(world);
});

describe('a step that had worked when its answer was lost', () => {
  const tasks = coverage.tasks.map(({ state }) => state);
  it.each(tasks)('is repeated without a second effect: %s', async (state) => {
    const [scenario = ''] = Object.entries({ moved: 'Look whether the database is written here' }).flatMap(([name, of]) => (of === state ? [name] : []));
    const open = scenario === 'moved' ? scenarios.moved : scenarios.lost;
    const undisturbed = await open();
    const { ending } = await run(undisturbed);
    const world = await open();
    world.losesAnswerOf(state);
    expect((await run(world)).ending).toBe(ending);
    const of = (each: RecoveryWorld): unknown => ({
      leases: books.map((book) => ({ ...each.lease(book), heartbeat: 0 })), parameters: Object.fromEntries(each.parameters), secrets: [...each.secrets], multiAz: each.database.multiAz,
      replica: each.database.replica, sets: [...each.taskSets].map(([, sets]) => sets.map(({ Id, percent, Status }) => [Id, percent, Status])), reports: [...each.reports.keys()],
    });
    expect(of(world)).toEqual(of(undisturbed));
  });
});

describe('an execution that was killed', () => {
  it('is started anew, whatever it had done, and its successor finds that done', async () => {
    for (const state of ['Move the homes of the books to this Region', 'Trading has moved', 'Look at the status of the database', 'Record where the database is written']) {
      const world = await RecoveryWorld.lost();
      const stop = new AbortController();
      await world.run(definition, request, executionArn, {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.kind === 'entered' && event.state === state) stop.abort({ error: 'Operator', cause: 'by hand' });
        },
      });
      for (const book of books) await world.control.releaseWorkflow(book, executionArn);
      // Once the database is known to be written, only two people make it look again.
      const { ending, cause } = await run(world, { ...request, force });
      expect({ state, ending, cause }).toEqual({ state, ending: 'Succeeded', cause: '' });
      expect(world.lease()).toMatchObject({ home: here, epoch: 8 as Epoch });
      expect(world.database).toMatchObject({ replica: false, promotions: 1, missing: 0 });
    }
  });
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
