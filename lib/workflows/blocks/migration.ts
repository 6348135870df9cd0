/**
 * A step of the database's schema, run by the release's own image as a task of its own: beside what trades, with a time
 * limit, its outcome known by its exit code.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, quoted, type Catches, type Workflow } from '../workflow.ts';
import { contractionsWait } from '../../contracts/task-environment.ts';
import type { CutoverParts } from './parts.ts';
import { unlessRedriven } from './variables.ts';

/** Fargate starts the task, and each change of the schema gives up on a lock after seconds. */
const migrationLimitSeconds = 240;
/** Nobody waits for the second of a contraction. */
const pollEverySeconds = { expand: 1, contract: 15 };

/** Registers the revision that runs the new trader's image with the command `migrate`; leaves it in `$migrationRevision`. */
export function registerMigration(w: Workflow, parts: CutoverParts, to: { readonly registered: sfn.IChainable }): sfn.IChainable {
  const register = w.call('Register the migration of these images', {
    comment: 'The template with the image of the new trader: what migrates is what was tested.',
    service: 'ecs', action: 'RegisterTaskDefinition',
    parameters: migrationRevisionOf(parts),
    resources: parts.arns.migrationDefinitions,
    statements: [parts.passMigrationRoles],
    assign: { migrationRevision: js('$states.result.TaskDefinition.TaskDefinitionArn') },
  });
  register.next(to.registered);
  return w.call('Read the template of the migration', {
    comment: 'The newest that a deployment registered.',
    service: 'ecs', action: 'DescribeTaskDefinition',
    parameters: { TaskDefinition: js('$book.migrationTemplateFamily') },
    // The API knows no resource to allow this on.
    resources: ['*'],
    assign: { migrationTemplate: js('$states.result.TaskDefinition') },
  }).next(register);
}

/** Runs a registered migration with one of its commands. */
export function migration(
  w: Workflow,
  parts: CutoverParts,
  options: {
    readonly command: 'expand' | 'contract';
    /** The variable that holds the registered revision. */
    readonly revision: '$migrationRevision' | '$migration';
    readonly done: sfn.IChainable;
    /** With `$expansionFault` or `$contractionFault` said: within a branch, `$why` belongs to the machine around it. */
    readonly failed: sfn.IChainable;
    readonly catches?: Catches<never>;
  },
): sfn.IChainable {
  const { command, revision, done, failed, catches = {} } = options;
  // A branch may assign no variable that the machine around it has: each of the two has its own.
  const key = { expand: 'expansion', contract: 'contraction' }[command];
  const what = `${key} of the schema`;
  const stop = w.call(`Stop the ${what} that takes too long`, {
    comment: 'What it has not committed is undone by PostgreSQL.',
    service: 'ecs', action: 'StopTask',
    parameters: { Cluster: parts.migrationClusterName, Task: js(`$${key}Task`), Reason: `Not done within ${migrationLimitSeconds} s` },
    resources: [parts.arns.migrationTasks],
    catches,
  });
  stop.next(failed);
  const look = w.call(`Look whether the ${what} is done`, {
    comment: 'A task says by its exit code how it ended.',
    service: 'ecs', action: 'DescribeTasks',
    parameters: { Cluster: parts.migrationClusterName, Tasks: [js(`$${key}Task`)] },
    resources: [parts.arns.migrationTasks],
    assign: {
      [key]: js(`(
        $task := $states.result.Tasks[0];
        $code := $task.Containers[0].ExitCode;
        { 'status': $task.LastStatus, 'code': $exists($code) ? $code : -1,
          'reason': $exists($task.StoppedReason) ? $task.StoppedReason : '' }
      )`),
    },
    catches,
  });
  const wait = w.poll({
    begin: `Begin to wait for the ${what}`, since: `${key}Since`,
    ask: look,
    judge: `Is the ${what} done?`,
    judgeComment: `Exit code 0 says that every one of them is there, ${contractionsWait} that contractions wait besides.`,
    answers: [
      { when: js(`$${key}.status = 'STOPPED' and $${key}.code in [0, ${contractionsWait}]`), next: done, comment: 'It is.' },
      {
        when: js(`$${key}.status = 'STOPPED'`), next: failed, comment: 'It failed.',
        assign: {
          [`${key}Fault`]: js(`${quoted(`The ${what} failed with exit code `)} & $string($${key}.code) & ' (' & $${key}.reason &
            '). The log stream migrate/migrate/' & $split($${key}Task, '/')[2] & ' says why.'`),
        },
      },
    ],
    tooLate: {
      next: stop, comment: 'It is not.',
      assign: { [`${key}Fault`]: `The ${what} was not done within ${migrationLimitSeconds} s.` },
    },
    pause: `Wait a moment for the ${what}`, everySeconds: pollEverySeconds[command], limitSeconds: migrationLimitSeconds,
  });
  const run = w.call(`Run the ${what}`, {
    comment: 'The client token comes from the execution: a repeat finds the same task.',
    service: 'ecs', action: 'RunTask',
    parameters: {
      Cluster: parts.migrationClusterName,
      TaskDefinition: unlessRedriven(revision),
      LaunchType: 'FARGATE',
      NetworkConfiguration: {
        AwsvpcConfiguration: { Subnets: js('$book.subnetIds'), SecurityGroups: js('$book.securityGroupIds'), AssignPublicIp: 'DISABLED' },
      },
      Overrides: { ContainerOverrides: [{ Name: 'migrate', Command: ['migrate', command] }] },
      ClientToken: js(`$substring($hash($states.context.Execution.Id & '${command}', 'SHA-256'), 0, 32)`),
    },
    resources: parts.arns.migrationDefinitions,
    iamAction: 'ecs:RunTask',
    assign: { [`${key}Task`]: js('$states.result.Tasks[0].TaskArn') },
    catches,
  });
  run.next(wait);
  return run;
}

/** The fields that a template has: a test compares them with the synthesized one, so that none is lost. */
export const migrationFields = [
  'Family', 'TaskRoleArn', 'ExecutionRoleArn', 'NetworkMode', 'ContainerDefinitions', 'RequiresCompatibilities',
  'Cpu', 'Memory', 'RuntimePlatform',
] as const;

function migrationRevisionOf(parts: CutoverParts): Record<(typeof migrationFields)[number], unknown> {
  return {
    Family: js('$book.migrationFamily'),
    TaskRoleArn: js('$migrationTemplate.TaskRoleArn'),
    ExecutionRoleArn: js('$migrationTemplate.ExecutionRoleArn'),
    NetworkMode: js('$migrationTemplate.NetworkMode'),
    ContainerDefinitions: js(`[$migrationTemplate.ContainerDefinitions.$merge([$, {
      'Image': ${quoted(`${parts.repositories.trader.uri}@`)} & $request.images.trader
    }])]`),
    RequiresCompatibilities: js('[$migrationTemplate.RequiresCompatibilities]'),
    Cpu: js('$migrationTemplate.Cpu'),
    Memory: js('$migrationTemplate.Memory'),
    RuntimePlatform: js(`
      $exists($migrationTemplate.RuntimePlatform)
        ? $migrationTemplate.RuntimePlatform
        : { 'CpuArchitecture': 'X86_64', 'OperatingSystemFamily': 'LINUX' }
    `),
  };
}
