/** Brings a colour up, to the point from which it could trade at once. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, quoted, type Workflow } from '../workflow.ts';
import type { Instances } from './instances.ts';
import { preparation, type CutoverParts } from './parts.ts';
import { removal, removalLimitSeconds } from './removal.ts';
import { executionHash, incoming, pollSeconds, unlessRedriven } from './variables.ts';

/** Fargate pulls the image and starts the task; an empty zone may take its time. */
const provisioningLimitSeconds = 300;

/**
 * Registers the revision, starts the idle colour from it and waits until it could trade. The revision is made of the
 * newest template, or of what `$template` holds already.
 */
export function bringUp<Fence extends string>(
  w: Workflow,
  parts: Pick<CutoverParts, 'clusterName' | 'repositories' | 'arns' | 'passRoles'> & { readonly limits: { readonly healthySeconds: number } },
  instances: Instances<Fence>,
  { from, scalePercent = 100, more }: {
    readonly from: 'the newest template' | 'what was read';
    /** Of the tasks that the service is set to. */
    readonly scalePercent?: number;
    /** Fields of a JSONata object, for the outer machine besides its own. */
    readonly more?: string;
  },
): sfn.IChainable {
  const { limits } = parts;
  const lookAtStandbys = instances.look(w, 'Look at the standbys of the new colour',
    'They say of themselves whether they are ready and reconciled; that their beat moves shows that they live.');
  const healthy = w.poll({
    begin: 'Begin to wait for healthy standbys', since: 'healthSince',
    ask: lookAtStandbys,
    judge: 'Are the standbys healthy and reconciled?',
    judgeComment: 'All of them: a colour with fewer is no better than the one it replaces.',
    answers: [{
      when: js('$standbysReady'), comment: 'All of them.',
      next: w.pass('Note what was started', {
        comment: 'For the outer machine.',
        outputs: js(`{ 'taskSet': $started.taskSet, 'revision': $newRevision${more === undefined ? '' : `, ${more}`} }`),
      }),
    }],
    tooLate: {
      comment: 'They are not.',
      next: w.fail('The standbys did not become healthy in time', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.notHealthy,
        cause: js(`'After ${limits.healthySeconds} s: ' & $missing`),
      }),
    },
    pause: 'Wait a moment for the standbys', everySeconds: pollSeconds, limitSeconds: limits.healthySeconds,
  });

  const lookAtTasks = w.call('Look whether the tasks of the new colour run', {
    comment: 'Fargate places them and pulls the images.',
    service: 'ecs', action: 'DescribeTaskSets',
    parameters: { Cluster: parts.clusterName, Service: js('$book.serviceName'), TaskSets: [js('$startedTaskSet')] },
    resources: parts.arns.taskSets,
    assign: {
      started: js(`(
        $set := $states.result.TaskSets[0];
        { 'taskSet': $set.Id, 'tasks': $set.ComputedDesiredCount, 'running': $set.RunningCount }
      )`),
      sightings: {},
    },
  });
  const running = w.poll({
    begin: 'Begin to wait for running tasks', since: 'provisioningSince',
    ask: lookAtTasks,
    judge: 'Do all tasks of the new colour run?',
    judgeComment: 'The 60 s of health are counted from here: provisioning is the platform, not the bot.',
    answers: [{ when: js('$started.tasks > 0 and $started.running >= $started.tasks'), next: healthy, comment: 'They do.' }],
    tooLate: {
      comment: 'They do not.',
      next: w.fail('The tasks of the new colour did not start in time', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.notRunning,
        cause: js(`$string($started.running) & ' of ' & $string($started.tasks) & ' tasks run after ${provisioningLimitSeconds} s.'`),
      }),
    },
    pause: 'Wait a moment for the tasks', everySeconds: pollSeconds, limitSeconds: provisioningLimitSeconds,
  });
  const createTaskSet = w.call('Start the task set of the new colour', {
    comment: 'The client token comes from the execution: a repeat finds the same task set.',
    service: 'ecs', action: 'CreateTaskSet',
    parameters: {
      Cluster: parts.clusterName,
      Service: js('$book.serviceName'),
      ExternalId: incoming,
      TaskDefinition: unlessRedriven('$newRevision'),
      LaunchType: 'FARGATE',
      PlatformVersion: 'LATEST',
      NetworkConfiguration: {
        AwsvpcConfiguration: { Subnets: js('$book.subnetIds'), SecurityGroups: js('$book.securityGroupIds'), AssignPublicIp: 'DISABLED' },
      },
      Scale: { Value: scalePercent, Unit: 'PERCENT' },
      ClientToken: js(executionHash),
    },
    resources: parts.arns.taskSets,
    assign: { startedTaskSet: js('$states.result.TaskSet.Id') },
  });
  const register = w.call('Register the revision that runs these images', {
    comment: 'The template with its two images, the colour and the digest: what was synthesized is what runs.',
    service: 'ecs', action: 'RegisterTaskDefinition',
    parameters: revisionOf(parts),
    resources: parts.arns.taskDefinitions,
    statements: [parts.passRoles],
    assign: { newRevision: js('$states.result.TaskDefinition.TaskDefinitionArn') },
  });
  const readTemplate = (): sfn.IChainable => w.call('Read the template of the task', {
    comment: 'The newest revision that a deployment registered.',
    service: 'ecs', action: 'DescribeTaskDefinition',
    parameters: { TaskDefinition: js('$book.templateFamily') },
    // The API knows no resource to allow this on.
    resources: ['*'],
    assign: { template: js('$states.result.TaskDefinition') },
  }).next(register);
  register.next(createTaskSet);
  createTaskSet.next(running);

  return removal(w, parts, instances, {
    what: 'an earlier attempt', key: 'leftover', colour: incoming,
    next: from === 'what was read' ? register : readTemplate(),
    tooLate: {
      comment: 'It does not stop.',
      next: w.fail('What an earlier attempt left could not be removed', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.leftoverStays,
        cause: js(`'A task set of ' & $plan.incoming & ' is still there after ${removalLimitSeconds} s.'`),
      }),
    },
    catches: {},
  });
}

/** The fields that a template has: a test compares them with the synthesized one, so that none is lost. */
export const revisionFields = [
  'Family', 'TaskRoleArn', 'ExecutionRoleArn', 'NetworkMode', 'ContainerDefinitions', 'Volumes', 'RequiresCompatibilities',
  'Cpu', 'Memory', 'RuntimePlatform',
] as const;

function revisionOf({ repositories }: Pick<CutoverParts, 'repositories'>): Record<(typeof revisionFields)[number], unknown> {
  const image = (container: 'trader' | 'guard'): string =>
    `${quoted(container)}: ${quoted(`${repositories[container].uri}@`)} & $request.images.${container}`;
  return {
    Family: js('$book.family'),
    TaskRoleArn: js('$template.TaskRoleArn'),
    ExecutionRoleArn: js('$template.ExecutionRoleArn'),
    NetworkMode: js('$template.NetworkMode'),
    ContainerDefinitions: js(`(
      $images := { ${image('trader')}, ${image('guard')} };
      $added := [
        { 'Name': 'BATON_COLOUR', 'Value': $plan.incoming },
        { 'Name': 'BATON_IMAGE_DIGEST', 'Value': $request.images.trader }
      ];
      [$template.ContainerDefinitions.$merge([$, {
        'Image': $lookup($images, Name), 'Environment': $append(Environment[$not(Name in $added.Name)], $added)
      }])]
    )`),
    Volumes: js('[$template.Volumes]'),
    RequiresCompatibilities: js('[$template.RequiresCompatibilities]'),
    Cpu: js('$template.Cpu'),
    Memory: js('$template.Memory'),
    RuntimePlatform: js(`
      $exists($template.RuntimePlatform)
        ? $template.RuntimePlatform
        : { 'CpuArchitecture': 'X86_64', 'OperatingSystemFamily': 'LINUX' }
    `),
  };
}
