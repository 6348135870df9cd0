/**
 * `node test/simulation/stories.ts told [name] | wrong`: runs of the whole system with the synthesized machines, in which only what is named here happens; and such
 * runs in which a machine, a function or a policy is wrong. Prints what came of each, as JSON. A process of its own, for a run takes its time away.
 */
import type { State, StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { deployed } from '../../simulation/control-plane/deployed.ts';
import { runSeed, type RunOptions, type RunResult } from '../../simulation/run.ts';
import { drawPlan, holder, type FaultKind } from '../../simulation/swarm.ts';
import type { SimulatedSystem } from '../../simulation/system.ts';

type Story = readonly (readonly [atMs: number, fault: FaultKind])[];

const stories = {
  'a release that sends nothing, and a good one': [[7000, { kind: 'drain', to: 'green', release: 'silent' }], [50_000, { kind: 'drain', to: 'green' }]],
  'a Region lost': [[7000, { kind: 'lose-region', region: 'home', forMs: 25_000 }], [9000, { kind: 'move-home' }]],
  'a key revoked': [[7000, { kind: 'halt-for' }]],
  'a halt in a hand-over': [[7000, { kind: 'drain', to: 'green', release: 'silent' }], [16_000, { kind: 'halt' }]],
  'a release, and a move by plan': [[7000, { kind: 'drain', to: 'green' }], [30_000, { kind: 'move-by-plan', machine: 'switchover' }]],
  'home again after a failover': [[7000, { kind: 'move-home' }], [18_000, { kind: 'move-by-plan', machine: 'failback' }]],
} satisfies Record<string, Story>;

function tell(story: Story, more: Pick<RunOptions, 'change' | 'deployment'> = {}): Promise<RunResult> {
  const faults = story.map(([atMs, fault]) => ({ ...fault, atMs, whom: holder }));
  return runSeed(1, { plan: { ...drawPlan(1), driftPpm: 100, machines: 'synthesized', faults }, keepLines: true, ...more });
}

/** Whoever goes to the one state goes to the other instead. */
const instead = (of: string, to: string) => (definition: StateMachineDefinition): StateMachineDefinition =>
  JSON.parse(JSON.stringify(definition).replaceAll(new RegExp(`"(Next|Default)":"${of}"`, 'g'), `"$1":"${to}"`)) as StateMachineDefinition;
const changing = (which: RegExp, redefined: (definition: StateMachineDefinition) => StateMachineDefinition) => ({
  change: ({ executions }: SimulatedSystem): void => {
    executions!.redefine = (machine, definition) => (which.test(machine) ? redefined(definition) : definition);
  },
});
const cutover = changing.bind(undefined, /^cutover$/);

const wrong: Readonly<Record<string, () => Promise<RunResult>>> = {
  'what is live is recorded before it trades': () => tell(stories['a release that sends nothing, and a good one'], cutover((definition) => {
    const record = definition.States['Record in the lease what is live'] as Extract<State, { Type: 'Task' }>;
    const changed = instead('Ask the holder to hand over', 'Record early')(definition);
    return { ...changed, States: { ...changed.States, 'Record early': { ...record, Next: 'Ask the holder to hand over' } } };
  })),
  'a rollback leaves the new colour': () =>
    tell(stories['a release that sends nothing, and a good one'], cutover(instead('Begin to remove the new colour', 'Note that the cutover was rolled back'))),
  'a rollback ends with a name of its own': () => tell(stories['a release that sends nothing, and a good one'], cutover((definition) =>
    JSON.parse(JSON.stringify(definition).replaceAll('"Error":"RolledBack"', '"Error":"Undone"')) as StateMachineDefinition)),
  'a move by plan says that it was rolled back': () =>
    tell(stories['a release, and a move by plan'], changing(/^switchover$/, instead('Wait until each book trades here', 'Note that the switchover was rolled back'))),
  'a move by plan leaves the database': () =>
    tell(stories['a release, and a move by plan'], changing(/^(switchover|failback)$/, instead('Bring over what belongs to the books', 'Resume the books that were halted for the move'))),
  'a rotation proves nothing': () => tell(stories['a key revoked'], {
    change: ({ executions }) => {
      const { keys } = executions!;
      const provider = keys.provider.bind(keys);
      keys.provider = () => ({ ...provider(), proveRead: async () => undefined, proveTrade: async () => undefined });
    },
  }),
  'no function may write the lease': async () => {
    const deployment = (await deployed()).map((each) => (each.type === 'AWS::IAM::Policy' && JSON.stringify(each.properties['Roles']).includes('LeaseControl')
      ? (JSON.parse(JSON.stringify(each).replaceAll('dynamodb:UpdateItem', 'dynamodb:DescribeTable')) as typeof each) : each));
    return tell(stories['a release that sends nothing, and a good one'], { deployment });
  },
};

const told: [string, Pick<RunResult, 'verdict' | 'hash' | 'lines'>][] = [];
const [which, only] = process.argv.slice(2);
if (which === 'told') {
  for (const [name, story] of Object.entries(stories)) if (only === undefined || only === name) told.push([name, await tell(story)]);
} else {
  for (const [name, run] of Object.entries(wrong)) told.push([name, { ...(await run()), lines: [] }]);
}
console.log(JSON.stringify(told.map(([name, { verdict, hash, lines }]) => [name, { verdict, hash, lines }])));
