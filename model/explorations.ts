/** What `npm run model` explores: the model within budgets of faults, and each rule left out. */
export interface Exploration {
  readonly name: string;
  /** Of the preprocessor, as lease.pml explains them. */
  readonly defines: readonly string[];
  /** The claim about what must happen in the end; safety when not said. */
  readonly claim?: 'a_drain_ends' | 'trading_goes_on';
  /** A rule is left out: a violation must be found. */
  readonly isCaught: boolean;
  readonly isLarger: boolean;
}

/** On one path: writes of the control plane, crashes, writes without an answer in time. */
interface Budget {
  readonly controls: number;
  readonly crashes: number;
  readonly doubts: number;
}

function within({ controls, crashes, doubts }: Budget): readonly string[] {
  return [`CONTROLS=${controls}`, `CRASHES=${crashes}`, `DOUBTS=${doubts}`];
}

function safe(budget: Budget, isLarger = false): Exploration {
  const { controls, crashes, doubts } = budget;
  const name = `one accepted epoch: ${controls} control writes, ${crashes} crashes, ${doubts} doubtful writes`;
  return { name, defines: within(budget), isCaught: false, isLarger };
}

function lives(claim: NonNullable<Exploration['claim']>, controls: number): Exploration {
  const name = `${claim.replaceAll('_', ' ')}: ${controls} control writes`;
  return { name, claim, defines: ['LIVE', ...within({ controls, crashes: 0, doubts: 0 })], isCaught: false, isLarger: false };
}

function without(rule: string, mutant: string, budget: Partial<Budget> = {}): Exploration {
  const defines = [`MUTANT=${mutant}`, ...within({ controls: 0, crashes: 0, doubts: 0, ...budget })];
  return { name: `left out: ${rule}`, defines, isCaught: true, isLarger: false };
}

function livesWithout(rule: string, mutant: string, claim: NonNullable<Exploration['claim']>): Exploration {
  const caught = without(rule, mutant, { controls: 2 });
  return { ...caught, claim, defines: ['LIVE', ...caught.defines] };
}

export const explorations: readonly Exploration[] = [
  safe({ controls: 1, crashes: 0, doubts: 0 }),
  safe({ controls: 0, crashes: 1, doubts: 1 }),
  safe({ controls: 1, crashes: 1, doubts: 0 }),
  safe({ controls: 1, crashes: 0, doubts: 1 }),
  safe({ controls: 2, crashes: 0, doubts: 0 }, true),
  lives('a_drain_ends', 3),
  lives('trading_goes_on', 3),
  without('a take-over waits for the lease to run out', 'NO_WAIT'),
  without('validity counts from the sending', 'FROM_ANSWER'),
  without('the venue refuses what comes after its expiry', 'NO_EXPIRY'),
  without('a hand-over waits for what was sent', 'NO_DRAIN', { controls: 1 }),
  without('a take-over names the heartbeat', 'NO_HEARTBEAT'),
  without('a grant is worth nothing before a renewal', 'GRANT_IS_VALIDITY', { controls: 1 }),
  without('a take-over names the home', 'NO_HOME', { controls: 1 }),
  without('a new life is a new holder', 'OLD_LIFE', { controls: 1, crashes: 1 }),
  livesWithout('a holder hears of a drain', 'DEAF', 'a_drain_ends'),
  livesWithout('a standby takes over', 'NOBODY_TAKES_OVER', 'trading_goes_on'),
];
