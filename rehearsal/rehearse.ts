/** Tells one scenario on a stage of its own and makes its report. */
import { exactly, neverBroken, type Report } from './report/report.ts';
import type { Judge, RecordedAccess } from './permissions/judge.ts';
import type { Scenario, ScenarioEnd } from './scenarios/scenario.ts';
import type { InstallationOptions } from './installation.ts';
import { Stage } from './stage.ts';

export async function rehearse(
  scenario: Scenario, faults: readonly string[], options: InstallationOptions,
): Promise<{ readonly report: Report; readonly log: readonly object[]; readonly accesses: readonly RecordedAccess[]; readonly beganAtMs: number }> {
  const { seed, progress } = options;
  const began = performance.now();
  progress.heading(`${scenario.name}${faults.map((fault) => ` --fault ${fault}`).join('')} (seed ${seed})`);
  const stage = await Stage.open({ ...options, cuttable: faults.length > 0, bothRegions: scenario.bothRegions ?? false, keepsBackups: scenario.keepsBackups ?? false });
  try {
    const end = await scenario.run(stage, new Set(faults)).catch(brokenOff);
    // In one breath: orders go on meanwhile, and both are to count the same.
    const trading = stage.trading();
    const observed = await stage.observed();
    const leaks = await stage.secretsFound();
    const report: Report = {
      scenario: scenario.name,
      summary: scenario.summary,
      seed,
      faults,
      outcome: end.outcome,
      promises: [
        ...neverBroken(trading),
        ...end.promises,
        exactly('permitted', 'Calls refused by the synthesized policies', refusedCalls(stage.permissions), 'none'),
        exactly('no-secret', 'Secrets found in logs, histories, reports or notices', leaks.join(', ') || 'none', 'none'),
      ],
      figures: end.figures ?? [],
      trading,
      lease: stage.tenures(),
      steps: end.steps,
      durationMs: Math.round(performance.now() - began),
      modelledDurationMs: Math.round(end.modelledDurationMs),
      unusedGrants: stage.permissions.unusedGrants(),
      observed,
    };
    return { report, log: stage.log, accesses: stage.permissions.recorded, beganAtMs: stage.beganAtMs };
  } finally {
    const closed = progress.begin('Put everything away');
    await stage.close();
    closed();
  }
}

/** Who lacked which grant for what; a refusal that the scenario asked for is none. */
function refusedCalls({ surprises }: Judge): string {
  return surprises.map(({ role, action, resource, reason }) => `${role}: ${action} on ${resource} (${reason})`).join('; ') || 'none';
}

/** A scenario that could not go on is a broken promise with a log to look at, not a stack trace. */
function brokenOff(error: unknown): ScenarioEnd {
  const what = error instanceof Error ? error.message : String(error);
  return {
    outcome: 'needs-a-person',
    steps: [],
    modelledDurationMs: 0,
    promises: [exactly('went-on', 'The scenario broke off', what, 'nothing')],
  };
}
