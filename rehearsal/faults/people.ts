/** Faults of the people who start, stop and redrive executions. */
import { exactly } from '../report/report.ts';
import { until } from '../until.ts';
import { struck, type Fault, type Injected } from './fault.ts';

const usualSilenceMs = 1500;
const boundMs = 60_000;
/** The book goes home after that, and a standby takes it within a lease. */
const silenceOfTheMoveMs = 20_000;

export const startedTwice: Fault = {
  name: 'started-twice',
  summary: 'The same execution, by name and input, is started again while it runs.',
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: ['execution'],
  inject(stage) {
    let again: Promise<{ executionArn: string }> | undefined;
    let first = '';
    const stop = stage.onWorkflow((_event, { executionArn, ...started }) => {
      if (again !== undefined) return;
      first = executionArn;
      again = stage.operator<{ executionArn: string }>('states', 'StartExecution', started);
    });
    return {
      heal: stop,
      promises: async () => [exactly('same-execution', 'The second start was answered with the first execution', (await again)?.executionArn ?? 'none', first)],
    };
  },
};

export const twoCutovers: Fault = {
  name: 'two-cutovers',
  summary: 'Another cutover of the same book is started while the first prepares.',
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: ['execution'],
  inject(stage) {
    let other: Promise<{ error?: string; cause?: string }> | undefined;
    const stop = stage.onWorkflow((event, { name, executionArn, ...started }) => {
      if (other !== undefined || event.kind !== 'entered' || event.state !== 'Prepare the snapshot and the new colour') return;
      other = stage
        .operator<{ executionArn: string }>('states', 'StartExecution', { ...started, name: `${name}-other`, input: stage.inputFor(`${name}-other`, started.input) })
        .then((begun) => stage.executionEnded(begun.executionArn));
      stage.injected(`another cutover beside ${executionArn}`);
    });
    return {
      heal: stop,
      promises: async () => {
        const ended = await other;
        return [
          exactly('other-refused', 'The other cutover ended as', ended?.error ?? 'not started', 'Refused'),
          exactly('other-told', 'It names the execution that has the book', /execution:/.test(ended?.cause ?? '') ? 'yes' : (ended?.cause ?? ''), 'yes'),
        ];
      },
    };
  },
};

export const redriven: Fault = {
  name: 'redriven',
  summary: 'An operator stops the execution while the new release starts and redrives it; it was given up and changes nothing more.',
  outcome: 'needs-a-person',
  trades: 'old',
  silenceLimitMs: usualSilenceMs,
  takes: ['execution'],
  redrives: 1,
  inject(stage) {
    let done: Promise<void> | undefined;
    const stop = stage.onWorkflow((event, { executionArn }) => {
      if (done !== undefined || event.kind !== 'entered' || event.state !== 'Begin to wait for healthy standbys') return;
      done = (async () => {
        stage.injected('an operator stops the execution');
        await stage.operator('states', 'StopExecution', { executionArn, error: 'Operator', cause: 'stopped by hand' });
        await until('the last net to give the book back', boundMs, async () => (await stage.control.read(stage.book)).workflow.execution === undefined);
        stage.injected('the operator redrives it');
        await stage.operator('states', 'RedriveExecution', { executionArn });
      })();
    });
    return {
      async heal() {
        stop();
        await done;
      },
      promises: () => [struck('the execution was stopped and redriven', done === undefined ? 0 : 1)],
    };
  },
};

export const malformedInput: Fault = {
  name: 'malformed-input',
  summary: 'The input has no reason, and names its image by a tag.',
  outcome: 'refused',
  trades: 'old',
  silenceLimitMs: usualSilenceMs,
  takes: ['execution'],
  typed: ({ reason: _left, ...usual }) => ({ ...usual, images: { ...usual.images, trader: 'latest' } }),
};

export const unknownDigest: Fault = {
  name: 'unknown-digest',
  summary: 'The registry has no image with the digest that was typed.',
  outcome: 'refused',
  trades: 'old',
  silenceLimitMs: usualSilenceMs,
  takes: ['execution'],
  typed: (usual) => ({ ...usual, images: { ...usual.images, trader: `sha256:${'0'.repeat(64)}` } }),
};

export const wrongRegion: Fault = {
  name: 'wrong-region',
  summary: 'The book has its home in the other Region, as after a failover: this one may neither trade it nor cut it over.',
  outcome: 'refused',
  trades: 'old',
  silenceLimitMs: silenceOfTheMoveMs,
  takes: ['execution', 'old holder'],
  region: ({ regions }) => regions.home.name,
  async inject(stage): Promise<Injected> {
    const { home, standby } = stage.regions;
    const moveTo = (region: string): Promise<unknown> =>
      stage.operator('dynamodb', 'UpdateItem', {
        TableName: stage.leaseTable,
        Key: { book: { S: stage.book }, item: { S: 'lease' } },
        UpdateExpression: 'SET home = :home',
        ExpressionAttributeValues: { ':home': { S: region } },
      });
    let tradedAway = 0;
    await moveTo(standby.name);
    const over = stage.injected(`the book's home is ${standby.name}`);
    await until('the holder to give the book up', boundMs, async () => (await stage.control.read(stage.book)).holder === undefined);
    const away = performance.now();
    const before = stage.ordersAccepted();
    return {
      async heal() {
        tradedAway = stage.ordersAccepted() - before;
        await moveTo(home.name);
        // The watch of a Region that is not home has closed its database; a machine that brings the book back opens it.
        await stage.readmitDatabase();
        over();
        await until('a holder at home', boundMs, async () => (await stage.control.read(stage.book)).holder !== undefined);
      },
      promises: () => [
        struck('the book was away from home', away > 0 ? 1 : 0),
        exactly('nobody-traded', 'Orders accepted from here while its home was elsewhere', tradedAway, 0),
      ],
    };
  },
};

