/**
 * A month's budget is spent while back-tests run: they are stopped, by the machine that the notice starts, and run again when somebody undoes
 * it. That machine is refused what could stop a trader. With the fault it is interrupted half-way, and run again.
 */
import { AwsError } from '../cloud/model.ts';
import { openPagers } from '../pagers.ts';
import { exactly } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { budgetLetter } from './budget-alert.ts';
import { researchOf } from './research.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const interrupted = 'interrupted';
const backTests = 3;
const boundMs = 60_000;

export const budgetResponse: Scenario = {
  name: 'budget-response',
  maintenance: true,
  summary: 'The budget is spent: back-tests are stopped, nothing that could trade, and they run again when it is undone.',
  promises: [
    'every back-test is stopped, and each runs again, once',
    'the machine is refused to stop, start or change what trades',
    'interrupted and run again, it stops the rest and its undo forgets none',
  ],
  faults: [{ name: interrupted, summary: 'ECS refuses after the first back-test: the machine ends, and somebody runs it again.', outcome: 'succeeded' }],
  inAll: [interrupted],
  async run(stage, faults): Promise<ScenarioEnd> {
    const pagers = await openPagers();
    try {
      await stage.operator('secretsmanager', 'PutSecretValue', {
        SecretId: `baton-${stage.environment}/cost-channels`, SecretString: JSON.stringify(pagers.secret),
      }, stage.regions.first.name);
      return await respond(stage, faults.has(interrupted));
    } finally {
      await pagers.close();
    }
  },
};

async function respond(stage: Stage, isInterrupted: boolean): Promise<ScenarioEnd> {
  const beganMs = performance.now();
  const research = await researchOf(stage);
  stage.progress.heading('Back-tests run');
  await research.start(...Array.from({ length: backTests }, () => 'backtest'));
  const shrinks = stage.settings.budget.spentDatabaseClass !== undefined;
  const classBefore = await research.databaseClass();

  stage.progress.heading('The budget is spent');
  const now = new Date();
  const month = now.toISOString().slice(0, 7);
  let stops = 0;
  const heal = isInterrupted
    ? stage.disturb(({ service, operation }) => {
      if (service !== 'ecs' || operation !== 'StopTask') return undefined;
      stops += 1;
      return stops === 1 ? undefined : Promise.reject(new AwsError('AccessDeniedException', 'The fault of this rehearsal'));
    })
    : undefined;
  await stage.tellOfTheBill(budgetLetter(stage, now, 'ACTUAL', 100, 101));
  const { machineArn } = research;
  const executionArn = (name: string): string => `${machineArn.replace(':stateMachine:', ':execution:')}:${name}`;
  await until('the response to begin', boundMs, () => stage.publishedTo('cost').length > 0 && stage.linesOf('budget-control').length > 0);
  const first = await stage.executionEnded(executionArn(`spent-${month}`));
  heal?.();
  const byHand = async (name: string, more: object = {}): Promise<string> => {
    const input = JSON.stringify({ month, reason: `A ${name} of the rehearsal`, requestedBy: 'rehearsal', ...more });
    await stage.operator('states', 'StartExecution', { stateMachineArn: machineArn, name, input }, stage.regions.first.name);
    return (await stage.executionEnded(executionArn(name))).status;
  };
  const again = isInterrupted ? await byHand('again') : 'not needed';
  const left = await until('no back-test that runs', boundMs, async () => {
    const running = await research.running();
    return running.length === 0 && [0];
  }).catch(async () => [(await research.running()).length]);
  const classSpent = await research.databaseClass();

  stage.progress.heading('There is money again');
  const undone = await byHand('undone', { undo: true });
  await until('the back-tests to run', boundMs, async () => (await research.running()).length === backTests).catch(() => undefined);
  const refusals = await research.refusalsOnWhatTrades();
  return {
    outcome: 'succeeded',
    steps: [],
    modelledDurationMs: performance.now() - beganMs,
    promises: [
      exactly('begun', 'The machine that the notice started', first.status, isInterrupted ? 'FAILED' : 'SUCCEEDED'),
      exactly('again', 'Run again by hand', again, isInterrupted ? 'SUCCEEDED' : 'not needed'),
      exactly('stopped', 'Back-tests that ran on', left.join(), '0'),
      exactly('undone', 'The undo', undone, 'SUCCEEDED'),
      exactly('running', 'Back-tests that run again', (await research.running()).length, backTests),
      exactly('refused', 'What the machine was refused on what trades', refusals.join(', '), 'StopTask, CreateTaskSet, UpdateTaskSet, DeleteTaskSet, RunTask'),
      exactly('shrunk', 'The class of the database: before, spent, after', [classBefore, classSpent, await research.databaseClass()].join(', '),
        [classBefore, shrinks ? `db.${stage.settings.budget.spentDatabaseClass}` : classBefore, classBefore].join(', ')),
    ],
  };
}
