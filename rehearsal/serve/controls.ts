/**
 * What the page's buttons do: the faults that a scenario can be told with, without a scenario around them. What lasts is
 * taken back by itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { otherColour } from '../../lib/lease/model.ts';
import { throttled } from '../faults/aws.ts';
import { cutoverFaults } from '../faults/index.ts';
import type { Installation } from '../installation.ts';
import { leaseIn } from '../lease-history.ts';
import type { Release } from '../releases.ts';
import { replace } from '../scenarios/cutover.ts';
import type { Item } from '../services/dynamodb-values.ts';
import type { Stage } from '../stage.ts';

export interface Control {
  readonly name: string;
  readonly label: string;
  /** What happens then, in a sentence. */
  readonly summary: string;
  /** Settles when it is over; the answer is for whoever pressed the button. */
  run(): Promise<string>;
}

/** Longer than the lease of 5 s and what a guard allows for drift. */
const pauseSeconds = 12;
const throttleSeconds = 20;

export class Controls {
  readonly list: readonly Control[];
  readonly #stage: Stage;
  readonly #installation: Installation;
  /** Aborted when the rehearsal ends: what lasts ends with it. */
  readonly #closing = new AbortController();
  #cutting = false;

  constructor(stage: Stage, installation: Installation) {
    this.#stage = stage;
    this.#installation = installation;
    const faulty = cutoverFaults.filter(({ releases, outcome }) => releases?.old === undefined && outcome !== 'refused');
    this.list = [
      {
        name: 'cutover', label: 'Start a cutover',
        summary: 'The other release takes over, as a cutover does it.',
        run: () => this.#cutover([]),
      },
      {
        name: 'kill', label: 'Kill the active task',
        summary: 'Its machine is gone, guard and trader at once. The standby of its colour takes over when the lease has run out.',
        run: () => this.#kill(),
      },
      {
        name: 'pause', label: 'Pause the active task',
        summary: `It is stopped for ${pauseSeconds} s, past its lease, and wakes up believing that it holds the book.`,
        run: () => this.#pause(),
      },
      {
        name: 'cut-lease-table', label: 'Cut its guard from DynamoDB',
        summary: `For ${pauseSeconds} s nothing that it sends to AWS arrives.`,
        run: () => this.#cut(),
      },
      {
        name: 'throttle', label: 'Throttle AWS',
        summary: `For ${throttleSeconds} s the first call of each kind is refused as too many, and one in twelve of the others.`,
        run: () => this.#throttle(),
      },
      ...faulty.map((fault): Control => ({
        name: `cutover-${fault.name}`, label: fault.name, summary: `${fault.summary} Ends: ${fault.outcome}.`, run: () => this.#cutover([fault]),
      })),
    ];
  }

  close(): void {
    this.#closing.abort();
  }

  async #cutover(faults: Parameters<typeof replace>[1]): Promise<string> {
    if (this.#cutting) return 'A cutover that was started here still runs: wait for its end.';
    this.#cutting = true;
    try {
      const variant = faults.find(({ releases }) => releases?.new !== undefined)?.releases?.new;
      const { outcome, promises } = await replace(this.#stage, faults, variant === undefined ? await this.nextRelease() : await this.#stage.variant(variant));
      const broken = promises.filter(({ held }) => !held).map(({ statement, measured, limit }) => `${statement}: ${measured}, not ${limit}`);
      return `The cutover ended: ${outcome}. ${broken.length === 0 ? 'Every promise held.' : `Broken: ${broken.join('; ')}.`}`;
    } finally {
      this.#cutting = false;
    }
  }

  /** The one of the two good releases that is not live. */
  async nextRelease(): Promise<Release> {
    const { releases, leaseTable } = this.#installation;
    const { Items } = await this.#installation.operator<{ Items: readonly Item[] }>('dynamodb', 'Scan', { TableName: leaseTable, ConsistentRead: true });
    const live = Items.flatMap((item) => leaseIn(item) ?? []).find(({ book }) => book === this.#stage.book)?.live?.imageDigest;
    return live === releases.second.trader.digest ? releases.first : releases.second;
  }

  async #kill(): Promise<string> {
    const { epoch } = await this.#stage.killActive();
    const gapMs = await this.#stage.nextEpochTrades(epoch);
    return `After the death of epoch ${epoch} the next order was accepted ${(gapMs / 1000).toFixed(1)} s after the last.`;
  }

  async #pause(): Promise<string> {
    const task = await this.#stage.activeTask();
    const over = this.#stage.injected(`${task.name} is paused`);
    task.pause();
    await this.#lasting(pauseSeconds, () => {
      task.resume();
      over();
    });
    return `${task.name} woke up after ${pauseSeconds} s.`;
  }

  async #cut(): Promise<string> {
    const { name: task } = await this.#stage.activeTask();
    const over = this.#stage.injected(`the guard of ${task} is cut off from AWS`);
    const mended = this.#stage.cut({ target: 'aws', task, container: 'guard' });
    await this.#lasting(pauseSeconds, () => {
      mended();
      over();
    });
    return `The guard of ${task} reaches AWS again.`;
  }

  async #throttle(): Promise<string> {
    const trading = await this.#stage.holder();
    if (trading === undefined) throw new Error('nobody holds the book');
    const injected = await throttled.inject?.(this.#stage, { old: trading.colour, new: otherColour(trading.colour) });
    await this.#lasting(throttleSeconds, () => void injected?.heal?.());
    return `AWS throttles no more: ${(await injected?.promises() ?? []).map(({ statement, measured }) => `${statement}: ${measured}`).join(', ')}.`;
  }

  /** Waits, and takes it back whatever comes. */
  async #lasting(seconds: number, end: () => void): Promise<void> {
    try {
      await delay(seconds * 1000, undefined, { signal: this.#closing.signal });
    } finally {
      end();
    }
  }
}
