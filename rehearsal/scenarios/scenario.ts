/** What a scenario is: a story with promises, and the faults it can be told with. */
import type { Settings } from '../../lib/settings/index.ts';
import type { Figure, Outcome, PromiseKept, Step } from '../report/report.ts';
import type { SettingsVariant } from '../settings-variants.ts';
import type { Stage } from '../stage.ts';

export interface Fault {
  readonly name: string;
  /** What goes wrong, in a sentence. */
  readonly summary: string;
  /** How the scenario must end then. */
  readonly outcome: Outcome;
  /** The longest time without an accepted order, where somebody healthy is there all the while. */
  readonly silenceLimitMs?: number;
}

export interface Scenario {
  readonly name: string;
  readonly summary: string;
  /** What it promises, for `--list`; the report has the figures. */
  readonly promises: readonly string[];
  readonly faults: readonly Fault[];
  /** The faults that it is told with, each alone, with `--all`; none when not said. */
  readonly inAll?: readonly string[];
  /** What is kept up behind the trading – keys, backups, the bill – is told by its name or with `--all`: a person who tries the system waits for the rest. */
  readonly maintenance?: true;
  /** Why it cannot be told with all of these at once; undefined when it can. */
  contradiction?(faults: readonly string[]): string | undefined;
  /** When several are told AWS takes as long as it typically does; but here as long as it may, for this is about coming through that. */
  readonly pessimisticAmongOthers?: true;
  /** It needs the second Region too; without, nothing of that is started. */
  readonly bothRegions?: boolean;
  /** Backups hold what was backed up, so that it can be restored; else they are names. */
  readonly keepsBackups?: boolean;
  /** It is told with the environment's settings changed so, and then not among all of them: that is another synthesis. */
  readonly variant?: SettingsVariant;
  /** Whether these settings have what it is about; every environment has, when not said. */
  fits?(settings: Settings): boolean;
  /** Runs on a fresh stage. Throws only when the rehearsal itself could not go on. */
  run(stage: Stage, faults: ReadonlySet<string>): Promise<ScenarioEnd>;
}

export interface ScenarioEnd {
  readonly outcome: Outcome;
  readonly promises: readonly PromiseKept[];
  /** What it was told for, in figures: at the top of the report. */
  readonly figures?: readonly Figure[];
  readonly steps: readonly Step[];
  readonly modelledDurationMs: number;
}
