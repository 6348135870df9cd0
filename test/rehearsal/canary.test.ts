/** The canary on the real system: every telling of its scenario keeps its promises. Each on an installation of its own, side by side. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { neverBroken, type PromiseKept } from '../../rehearsal/report/report.ts';
import type { Progress } from '../../rehearsal/report/progress.ts';
import { canary } from '../../rehearsal/scenarios/canary.ts';
import { Stage } from '../../rehearsal/stage.ts';
import { synthesize, type Assembly } from '../../rehearsal/synthesize.ts';

const silent: Progress = { heading: () => undefined, note: () => undefined, begin: () => () => undefined, close: () => undefined };
/** Limits of milliseconds are for a quiet machine; here other tests run beside. */
const patience = 4;
const boundMs = 400_000;
/** What its machine's role was never seen to use, by telling. */
const unused: ReadonlySet<string>[] = [];
let assembly: Assembly;

beforeAll(async () => {
  assembly = await synthesize('dev', silent);
}, 60_000);
afterAll(() => assembly[Symbol.asyncDispose]());

test.concurrent.each([
  ['a healthy release goes through it', undefined],
  ...canary.faults.map(({ name, summary }) => [summary, name] as const),
] as const)('%s', async (_, fault) => {
  const stage = await Stage.open({ assembly, seed: 1, progress: silent, provisioning: 'typical' });
  try {
    const { promises } = await canary.run(stage, new Set(fault === undefined ? [] : [fault]));
    const broken = [...neverBroken(stage.trading()), ...promises].filter((promise) => !promise.held && !heldWithPatience(promise));
    expect(broken).toEqual([]);
    expect(stage.permissions.surprises).toEqual([]);
    unused.push(new Set(stage.permissions.unusedGrants().flatMap(({ role, action, resource }) => (role.includes('CanaryMachineRole') ? [`${action} on ${resource}`] : []))));
  } finally {
    await stage.close();
  }
}, boundMs);

/** The production settings have no canary, so the recorded accesses do not know its machine's role: here it is asked of all tellings. */
test('the canary’s machine needs every grant that it has, but for those that every machine has and no rehearsal needs', () => {
  expect(unused).toHaveLength(canary.faults.length + 1);
  const [first, ...others] = unused;
  const everywhere = [...first!].filter((grant) => others.every((each) => each.has(grant)));
  const excused = /^(xray|logs):|^lambda:InvokeFunction on .*:\*$/;
  expect(everywhere.filter((grant) => !excused.test(grant))).toEqual([]);
});

function heldWithPatience({ unit, measured, limit }: PromiseKept): boolean {
  return unit === 'ms' && Number(limit) > 0 && Number(measured) <= Number(limit) * patience;
}
