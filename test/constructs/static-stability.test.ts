/** What a failover may need is checked at synth: each kind of violation, planted in a small app of two Regions. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App, CfnResource, Stack } from 'aws-cdk-lib';
import { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { StaticStabilityRules } from '../../lib/constructs/validation/static-stability.ts';
import { tradingMoved } from '../../lib/contracts/trading-moved.ts';
import { assemblyOf } from '../assemblies.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-static-stability-'));
beforeAll(() => vi.stubEnv('CDK_VALIDATION', 'false'));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

const own = 'us-west-2';
const other = 'us-east-1';
const account = '333333333333';

interface Planted {
  /** States before trading has moved, in their order, and after. */
  readonly before?: Readonly<Record<string, object>>;
  readonly after?: Readonly<Record<string, object>>;
  readonly last?: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly machineMay?: object;
  readonly functionMay?: object;
  /** How stacks refer to each other. */
  readonly references?: 'weak' | 'strong';
  readonly more?: (stack: Stack, machine: CfnResource, elsewhere: Stack) => void;
}

const allow = (action: string, resource: unknown = '*'): object => ({ Effect: 'Allow', Action: action, Resource: resource });
const task = (api: string, given: object = {}): object => ({ Type: 'Task', Resource: `arn:aws:states:::${api}`, Arguments: given });

/** One after the other, as their names stand. */
function chain(states: Readonly<Record<string, object>>, last: string): Record<string, object> {
  const names = Object.keys(states);
  return Object.fromEntries(Object.entries(states).map(([name, state], index) => [name, { Next: names[index + 1] ?? last, ...state }]));
}

let apps = 0;
/** What the rule says of a failover that invokes one function, which is in a stack of its own. */
function findingsWith(planted: Planted = {}): string {
  // As our own app has it: references between stacks by their outputs, of another Region, too.
  const postCliContext = { '@aws-cdk/core:defaultCrossStackReferences': planted.references ?? 'weak' };
  const app = new App({ outdir: path.join(directory, String((apps += 1))), analyticsReporting: false, postCliContext });
  const env = { account, region: own };
  const shared = new Stack(app, 'shared', { env, stackName: 'shared' });
  const stack = new Stack(app, 'recovery', { env, stackName: 'recovery' });
  const elsewhere = new Stack(app, 'elsewhere', { env: { account, region: other }, stackName: 'recovery' });

  const role = (scope: Stack, id: string, statement?: object): CfnResource => {
    const made = new CfnResource(scope, `${id}Role`, { type: 'AWS::IAM::Role', properties: { AssumeRolePolicyDocument: {} } });
    if (statement !== undefined) {
      const properties = { PolicyName: 'own', PolicyDocument: { Statement: [statement] }, Roles: [made.ref] };
      new CfnResource(scope, `${id}Policy`, { type: 'AWS::IAM::Policy', properties });
    }
    return made;
  };
  const decider = new CfnResource(shared, 'Decider', {
    type: 'AWS::Lambda::Function',
    properties: {
      FunctionName: 'baton-x-decider', Role: role(shared, 'Decider', planted.functionMay ?? allow('dynamodb:UpdateItem')).getAtt('Arn'),
      Environment: { Variables: { BATON_REGION: own, ...planted.variables } },
    },
  });
  const definition = {
    StartAt: 'Move the books',
    States: {
      ...chain({
        'Move the books': task('lambda:invoke', { FunctionName: decider.getAtt('Arn') }),
        'Look at the journal': task('aws-sdk:dynamodb:query'),
        ...planted.before,
      }, planted.last ?? tradingMoved),
      ...chain({ [planted.last ?? tradingMoved]: { Type: 'Pass' }, ...planted.after, 'Tell people': task('sns:publish') }, 'End'),
      End: { Type: 'Succeed' },
    },
  };
  const machine = new CfnResource(stack, 'Machine', {
    type: 'AWS::StepFunctions::StateMachine',
    properties: {
      StateMachineName: 'baton-x-failover', DefinitionString: stack.toJsonString(definition),
      RoleArn: role(stack, 'Machine', planted.machineMay ?? allow('lambda:InvokeFunction', decider.getAtt('Arn'))).getAtt('Arn'),
    },
  });
  planted.more?.(stack, machine, elsewhere);
  const { stacks } = app.synth();
  const stackTemplates = stacks.map(({ templateFullPath: templatePath, id, environment: { region } }) =>
    ({ templatePath, stackConstructPath: id, accountId: account, region }));
  const context = { templatePaths: stackTemplates.map(({ templatePath }) => templatePath), stackTemplates, appConstruct: app };
  const { violations } = new StaticStabilityRules().validate(context);
  return violations.map(({ ruleName, description }) => `${ruleName}: ${description}`).join('\n');
}

test('a failover of its own Region, on data planes, is found sound', () => {
  expect(findingsWith()).toBe('');
});

test('a control plane is free once trading has moved', () => {
  expect(findingsWith({ after: { Promote: task('aws-sdk:rds:promoteReadReplica') } })).toBe('');
});

test('a control plane before is named with its state', () => {
  expect(findingsWith({ before: { Scale: task('aws-sdk:ecs:updateTaskSet') } })).toBe(
    `DataPlaneOnly: 'Scale' calls ecs:updateTaskSet, and comes before '${tradingMoved}'.`,
  );
});

test.each<[string, object]>([
  ['a caught error', { ...task('aws-sdk:dynamodb:getItem'), Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Scale' }] }],
  ['a choice', { Type: 'Choice', Choices: [{ Condition: '{% true %}', Next: 'Scale' }], Default: tradingMoved }],
  ['a branch', { Type: 'Parallel', Branches: [{ StartAt: 'Scale', States: { Scale: { ...task('aws-sdk:ecs:updateTaskSet'), End: true } } }] }],
  ['each book', { Type: 'Map', ItemProcessor: { StartAt: 'Scale', States: { Scale: { ...task('aws-sdk:ecs:updateTaskSet'), End: true } } } }],
])('also on the way of %s', (_, state) => {
  const scale = { ...task('aws-sdk:ecs:updateTaskSet'), Next: 'End' };
  expect(findingsWith({ before: { Ask: state }, after: { Scale: scale } })).toContain("DataPlaneOnly: 'Scale' calls ecs:updateTaskSet");
});

test('so is a function that is invoked before and may use one', () => {
  expect(findingsWith({ functionMay: allow('ecs:UpdateTaskSet', 'arn:aws:ecs:us-west-2:333333333333:task-set/a/b/*') })).toBe(
    `DataPlaneOnly: 'Move the books' invokes baton-x-decider, which may call ecs:UpdateTaskSet, and comes before '${tradingMoved}'.`,
  );
});

test('a failover that does not say where trading has moved is refused', () => {
  expect(findingsWith({ last: 'Somewhere' })).toContain(`TradingMoves: The failover has no state '${tradingMoved}'`);
});

test.each<[string, Planted, string]>([
  ['its definition', { after: { Ask: task('aws-sdk:dynamodb:getItem', { TableName: `arn:aws:dynamodb:${other}:${account}:table/a` }) } }, 'Machine, which names us-east-1'],
  ['its policy', { machineMay: allow('rds:PromoteReadReplica', `arn:aws:rds:${other}:${account}:db:a`) }, 'MachinePolicy, which names us-east-1'],
  ['a variable of a function', { variables: { BATON_OTHER: other } }, 'Decider, which names us-east-1'],
  ['a policy of a function', { functionMay: allow('dynamodb:GetItem', `arn:aws:dynamodb:${other}:${account}:table/a`) }, 'DeciderPolicy, which names us-east-1'],
  ['a bucket whose name has it', { variables: { BATON_BUCKET: `baton-x-reports-${account}-${other}` } }, 'Decider, which names us-east-1'],
  ['a third Region', { variables: { BATON_OTHER: 'us-east-2' } }, 'Decider, which names us-east-2'],
])('another Region is found in %s', (_, planted, names) => {
  expect(findingsWith(planted)).toContain(`OwnRegionOnly: The failover of us-west-2 stands on ${names}`);
});

test('exports between stacks are followed as outputs are', () => {
  expect(findingsWith({ references: 'strong', variables: { BATON_OTHER: other } })).toContain('stands on Decider, which names us-east-1');
});

test('and where a resource of another Region stands for it', () => {
  const more: Planted['more'] = (stack, machine, elsewhere) => {
    const bucket = new CfnResource(elsewhere, 'Bucket', { type: 'AWS::S3::Bucket' });
    machine.addPropertyOverride('Tags', [{ Key: 'reports', Value: bucket.ref }]);
    stack.addStackDependency(elsewhere);
  };
  expect(findingsWith({ more })).toContain('stands on Machine, which names us-east-1');
});

test('and in a rule, and in a function, that starts it', () => {
  const more: Planted['more'] = (stack, machine) => {
    const role = new CfnResource(stack, 'WatchRole', { type: 'AWS::IAM::Role', properties: { AssumeRolePolicyDocument: {} } });
    new CfnResource(stack, 'WatchPolicy', {
      type: 'AWS::IAM::Policy',
      properties: { PolicyName: 'own', PolicyDocument: { Statement: [allow('states:StartExecution', machine.ref)] }, Roles: [role.ref] },
    });
    const watch = new CfnResource(stack, 'Watch', {
      type: 'AWS::Lambda::Function',
      properties: { FunctionName: 'baton-x-watch', Role: role.getAtt('Arn'), Environment: { Variables: { PEER: other } } },
    });
    new CfnResource(stack, 'Schedule', {
      type: 'AWS::Events::Rule',
      properties: { Description: `Asks whether ${other} lives`, Targets: [{ Id: 'T', Arn: watch.getAtt('Arn') }] },
    });
  };
  const findings = findingsWith({ more });
  expect(findings).toContain('stands on Watch, which names us-east-1');
  expect(findings).toContain('stands on Schedule, which names us-east-1');
});

describe('in the synthesized production', () => {
  const { stacks } = new CloudAssembly(assemblyOf('production').directory);
  const failover = 'baton-production-failover';

  /** What the rule says of the templates as they are, but for what is done to one of them. */
  function findingsIn(spoil: (resources: Record<string, Spoilt>) => void = () => undefined): string {
    const app = new App({ analyticsReporting: false });
    const stackTemplates = stacks.map(({ id, stackName, environment: { region }, template }) => {
      new Stack(app, id, { stackName, env: { account, region } });
      const templatePath = path.join(directory, `${id}-${(apps += 1)}.json`);
      const spoilt = structuredClone(template) as { Resources: Record<string, Spoilt> };
      if (id === 'baton-production-recovery-us-west-2') spoil(spoilt.Resources);
      writeFileSync(templatePath, JSON.stringify(spoilt));
      return { templatePath, stackConstructPath: id, accountId: account, region };
    });
    const context = { templatePaths: stackTemplates.map(({ templatePath }) => templatePath), stackTemplates, appConstruct: app };
    return new StaticStabilityRules().validate(context).violations.map(({ ruleName, description }) => `${ruleName}: ${description}`).join('\n');
  }
  interface Spoilt {
    readonly Type: string;
    readonly Properties: Record<string, any>;
  }
  const only = (resources: Record<string, Spoilt>, type: string, name: string): Spoilt =>
    Object.values(resources).find(({ Type, Properties }) => Type === type && JSON.stringify(Properties).includes(name))!;

  test('both Regions have a failover, and both are sound', () => {
    const machines = stacks.flatMap(({ id, template }) =>
      Object.values((template as { Resources: Record<string, Spoilt> }).Resources)
        .filter(({ Properties }) => Properties?.['StateMachineName'] === failover).map(() => id));
    expect(machines).toEqual(['baton-production-recovery-us-east-1', 'baton-production-recovery-us-west-2']);
    expect(findingsIn()).toBe('');
  });

  test('the state that ends the wait for trading is not found by another name', () => {
    const findings = findingsIn((resources) => {
      const { Properties } = only(resources, 'AWS::StepFunctions::StateMachine', `"${failover}"`);
      Properties['DefinitionString'] = JSON.parse(JSON.stringify(Properties['DefinitionString']).replaceAll(tradingMoved, 'Anything else'));
    });
    expect(findings).toContain(`TradingMoves: The failover has no state '${tradingMoved}'`);
  });

  test('its function is found, and what its role may do', () => {
    const spoil = (Action: string) => findingsIn((resources) => {
      const { Properties } = only(resources, 'AWS::IAM::Policy', 'dynamodb:UpdateItem');
      Properties['PolicyDocument'].Statement.push({ Effect: 'Allow', Action, Resource: `arn:aws:ecs:${own}:${account}:task-set/a/b/*` });
    });
    expect(spoil('ecs:UpdateTaskSet')).toMatch(/^DataPlaneOnly: '.+' invokes baton-production-recovery-control, which may call ecs:UpdateTaskSet/);
    const ofFunction = findingsIn((resources) => {
      const { Properties } = only(resources, 'AWS::Lambda::Function', '"baton-production-recovery-control"');
      Properties['Environment'].Variables['BATON_HOME'] = other;
    });
    expect(ofFunction).toMatch(/^OwnRegionOnly: .* names us-east-1/);
  });

  test('what is promoted before trading has moved is found', () => {
    const findings = findingsIn((resources) => {
      const { Properties } = only(resources, 'AWS::StepFunctions::StateMachine', `"${failover}"`);
      const first = '"States":{';
      const early = `"States":{"Too early":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:rds:promoteReadReplica","Next":"${tradingMoved}"},`;
      const text = JSON.stringify(Properties['DefinitionString']);
      const quoted = (words: string): string => JSON.stringify(words).slice(1, -1);
      Properties['DefinitionString'] = JSON.parse(
        text.replace(quoted(first), quoted(early)).replace(/(\\"StartAt\\":\\")[^\\]+/, '$1Too early'),
      );
    });
    expect(findings).toContain("DataPlaneOnly: 'Too early' calls rds:promoteReadReplica");
  });
});
