/** `node test/simulation/made-wrong.ts <what> <situation> <seed>`: a run in which a synthesized machine or a policy is wrong; prints its verdict. */
import type { State, StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { deployed } from '../../simulation/control-plane/deployed.ts';
import { runSeed } from '../../simulation/run.ts';
import type { SimulatedSystem } from '../../simulation/system.ts';
import { planOf } from '../../simulation/situations.ts';

type Change = (definition: StateMachineDefinition) => StateMachineDefinition;

/** Whoever goes to the one state goes to the other instead. */
const instead = (of: string, to: string): Change => (definition) =>
  JSON.parse(JSON.stringify(definition).replaceAll(new RegExp(`"(Next|Default)":"${of}"`, 'g'), `"$1":"${to}"`)) as StateMachineDefinition;

const ofCutovers: Readonly<Record<string, Change>> = {
  'what is live is recorded before it trades': (definition) => {
    const record = definition.States['Record in the lease what is live'] as Extract<State, { Type: 'Task' }>;
    const changed = instead('Ask the holder to hand over', 'Record early')(definition);
    return { ...changed, States: { ...changed.States, 'Record early': { ...record, Next: 'Ask the holder to hand over' } } };
  },
  'a rollback leaves the new colour': instead('Begin to remove the new colour', 'Note that the cutover was rolled back'),
  'a rollback ends with a name of its own': (definition) =>
    JSON.parse(JSON.stringify(definition).replaceAll('"Error":"RolledBack"', '"Error":"Undone"')) as StateMachineDefinition,
};

const [what = '', situation = '', seed = '1'] = process.argv.slice(2);
if (what === 'no function may write the lease') {
  for (const each of await deployed()) {
    if (each.type !== 'AWS::IAM::Policy' || !JSON.stringify(each.properties['Roles']).includes('LeaseControl')) continue;
    each.properties['PolicyDocument'] = JSON.parse(JSON.stringify(each.properties['PolicyDocument']).replaceAll('dynamodb:UpdateItem', 'dynamodb:DescribeTable')) as unknown;
  }
}
const definitionOf = ofCutovers[what];
const change = ({ executions }: SimulatedSystem): void => {
  const { keys } = executions!;
  if (definitionOf !== undefined) executions!.redefine = (machine, definition) => (machine === 'cutover' ? definitionOf(definition) : definition);
  if (what !== 'a rotation proves nothing') return;
  const provider = keys.provider.bind(keys);
  keys.provider = () => ({ ...provider(), proveRead: async () => undefined, proveTrade: async () => undefined });
};
const { verdict } = await runSeed(Number(seed), { plan: planOf(situation, Number(seed)), change });
console.log(JSON.stringify(verdict));
