import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { readAssembly } from '../../../rehearsal/cloud/assembly.ts';
import { deploy } from '../../../rehearsal/cloud/deploy.ts';
import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import type { ResourceRequest, ServiceModel } from '../../../rehearsal/cloud/model.ts';
import type { Template } from '../../../rehearsal/cloud/template.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { secretsmanager } from '../../../rehearsal/services/secretsmanager.ts';
import { ssm } from '../../../rehearsal/services/ssm.ts';

let directory: string;
let world: CloudWorld;
let front: Front;
let requests: ResourceRequest[];
/** What the function behind the custom resources answers. */
let answer: (event: Record<string, unknown>) => Record<string, unknown>;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'assembly-'));
  requests = [];
  answer = () => ({ Status: 'SUCCESS', PhysicalResourceId: 'made', Data: { Epoch: '0' } });
  const things: ServiceModel = {
    service: 'things',
    operations: {},
    resources: {
      'Test::Thing': (request) => {
        requests.push(request);
        return { ref: `thing-${request.logicalId}`, attributes: { Arn: `arn:${request.logicalId}` } };
      },
    },
  };
  const lambda: ServiceModel = {
    service: 'lambda',
    operations: {
      Invoke: (input: { Payload: Uint8Array }) => {
        const event = JSON.parse(Buffer.from(input.Payload).toString()) as Record<string, unknown>;
        void fetch(String(event['ResponseURL']), { method: 'PUT', body: JSON.stringify(answer(event)) });
        return { StatusCode: 202 };
      },
    },
  };
  world = createWorld({
    seed: 5,
    accountId: '111122223333',
    regions: ['us-east-1', 'us-west-2'],
    services: (inner) => [things, lambda, ssm(inner), secretsmanager(inner)],
  });
  front = await startFront(world);
});
afterEach(async () => {
  await front.close();
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Stack { readonly template: Template; readonly dependencies?: string[]; readonly environment?: string }

function assembly(stacks: Record<string, Stack>, assets: Record<string, { path: string; key: string }> = {}): string {
  const artifacts: Record<string, unknown> = {};
  for (const [name, { template, dependencies = [], environment = 'aws://111122223333/us-east-1' }] of Object.entries(stacks)) {
    writeFileSync(path.join(directory, `${name}.template.json`), JSON.stringify(template));
    const files = Object.fromEntries(
      Object.entries(assets).map(([id, asset]) => [id, { source: { path: asset.path }, destinations: { here: { objectKey: asset.key } } }]),
    );
    writeFileSync(path.join(directory, `${name}.assets.json`), JSON.stringify({ files }));
    artifacts[name] = {
      type: 'aws:cloudformation:stack',
      environment,
      properties: { templateFile: `${name}.template.json` },
      dependencies: [...dependencies, `${name}.assets`],
    };
    artifacts[`${name}.assets`] = { type: 'cdk:asset-manifest', properties: { file: `${name}.assets.json` } };
  }
  writeFileSync(path.join(directory, 'manifest.json'), JSON.stringify({ artifacts }));
  return directory;
}
const run = (stacks: Record<string, Stack>) => deploy({ assemblyDirectory: assembly(stacks), world, front });
const thing = (Properties: Record<string, unknown> = {}, more: object = {}) => ({ Type: 'Test::Thing', Properties, ...more });

test('resources in the order of their references, stacks in that of their dependencies, outputs between them', async () => {
  const stacks = await run({
    second: {
      dependencies: ['first'],
      template: {
        Resources: {
          C: thing({
            from: { 'Fn::GetStackOutput': { StackName: 'first', Region: 'us-east-1', OutputName: 'B' } },
            also: { 'Fn::ImportValue': 'b-arn' },
          }),
        },
      },
    },
    first: {
      template: {
        Conditions: { Never: { 'Fn::Equals': [1, 2] } },
        Resources: {
          B: thing({ a: { Ref: 'A' } }),
          A: thing({}, { DependsOn: 'Z' }),
          Z: thing(),
          Skipped: thing({}, { Condition: 'Never' }),
        },
        Outputs: { B: { Value: { Ref: 'B' } }, Arn: { Value: { 'Fn::GetAtt': ['B', 'Arn'] }, Export: { Name: 'b-arn' } } },
      },
    },
  });
  expect(requests.map(({ logicalId }) => logicalId)).toEqual(['Z', 'A', 'B', 'C']);
  expect(requests.map(({ properties }) => properties)).toEqual([{}, {}, { a: 'thing-A' }, { from: 'thing-B', also: 'arn:B' }]);
  expect([...stacks.keys()]).toEqual(['first', 'second']);
  expect(stacks.get('first')?.outputs).toEqual({ B: 'thing-B', Arn: 'arn:B' });
  expect(stacks.get('first')?.resources['A']).toMatchObject({ type: 'Test::Thing', ref: 'thing-A' });
  expect(requests[0]?.generatedName).toMatch(/^first-Z-[0-9A-F]{12}$/);
});

test('stacks of one name in two Regions are two, and each is asked for its own outputs', async () => {
  const named = (environment: string): Stack => ({ environment, template: { Resources: { A: thing() }, Outputs: { Where: { Value: { Ref: 'AWS::Region' } } } } });
  const reader = (Region: string): Stack => ({
    dependencies: ['east', 'west'],
    template: { Resources: { R: thing({ from: { 'Fn::GetStackOutput': { StackName: 'east', Region, OutputName: 'Where' } } }) } },
  });
  const stacks = await run({ east: named('aws://111122223333/us-east-1'), west: named('aws://111122223333/us-west-2'), reader: reader('us-east-1') });
  expect([stacks.get('east')?.outputs, stacks.get('west')?.outputs]).toEqual([{ Where: 'us-east-1' }, { Where: 'us-west-2' }]);
  const [east, west] = requests.filter(({ logicalId }) => logicalId === 'A').map(({ generatedName }) => generatedName);
  expect(east).not.toBe(west);
});

test('a parameter out of the parameter store, and its absence in the words of CloudFormation', async () => {
  const Parameters = { Home: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/home', AllowedValues: ['/home'] } };
  const reads: Stack = { template: { Parameters, Resources: { A: thing({ home: { Ref: 'Home' } }) } }, dependencies: ['writes'] };
  const writes: Stack = {
    template: { Resources: { P: { Type: 'AWS::SSM::Parameter', Properties: { Name: '/home', Type: 'String', Value: 'us-east-1' } } } },
  };
  await expect(run({ reads: { ...reads, dependencies: [] } })).rejects.toThrow(
    "stack 'reads': Unable to fetch parameters [/home] from parameter store for this account.",
  );
  await run({ writes, reads });
  expect(requests[0]?.properties).toEqual({ home: 'us-east-1' });
  const other = { Parameters: { Home: { ...Parameters.Home, AllowedValues: ['/elsewhere'] } }, Resources: {} };
  await expect(run({ other: { template: other } })).rejects.toThrow("Parameter 'Home' must be one of AllowedValues");
});

test('a generated secret reaches properties through a dynamic reference', async () => {
  const Secret = {
    Type: 'AWS::SecretsManager::Secret',
    Properties: {
      GenerateSecretString: {
        PasswordLength: 40,
        ExcludePunctuation: true,
        SecretStringTemplate: '{"username":"baton"}',
        GenerateStringKey: 'password',
      },
    },
  };
  const reference = (key: string) => ({ 'Fn::Join': ['', ['{{resolve:secretsmanager:', { Ref: 'Secret' }, `:SecretString:${key}::}}`]] });
  await run({ s: { template: { Resources: { Secret, A: thing({ user: reference('username'), password: reference('password') }) } } } });
  expect(requests[0]?.properties['user']).toBe('baton');
  expect(requests[0]?.properties['password']).toMatch(/^[A-Za-z0-9]{40}$/);
});

test('a custom resource: its event, its answer, its failure', async () => {
  let seen: Record<string, unknown> = {};
  answer = (event) => ((seen = event), { Status: 'SUCCESS', PhysicalResourceId: 'book-1', Data: { Epoch: '0' } });
  const Book = { Type: 'Custom::Book', Properties: { ServiceToken: 'arn:aws:lambda:x', LeaseMs: 5000, Deep: [{ on: true }] } };
  const stacks = await run({ s: { template: { Resources: { Book, A: thing({ epoch: { 'Fn::GetAtt': ['Book', 'Epoch'] } }) } } } });
  expect(seen).toMatchObject({
    RequestType: 'Create', LogicalResourceId: 'Book', ResourceType: 'Custom::Book',
    ResourceProperties: { ServiceToken: 'arn:aws:lambda:x', LeaseMs: '5000', Deep: [{ on: 'true' }] },
  });
  expect(stacks.get('s')?.resources['Book']?.ref).toBe('book-1');
  expect(requests[0]?.properties).toEqual({ epoch: '0' });
  answer = () => ({ Status: 'FAILED', Reason: 'no table' });
  await expect(run({ s: { template: { Resources: { Book } } } })).rejects.toThrow(
    'CREATE_FAILED s Book (Custom::Book): Received response status [FAILED] from custom resource. Message returned: no table',
  );
});

test.each([
  [
    { X: { Type: 'AWS::Unheard::Of' } },
    'CREATE_FAILED s X (AWS::Unheard::Of): no model knows the resource type AWS::Unheard::Of; give it to the model of its service',
  ],
  [{ A: thing({ b: { Ref: 'B' } }), B: thing({ a: { Ref: 'A' } }) }, "stack 's': Circular dependency between resources: [A, B, A]"],
  [{ A: thing({ b: { Ref: 'Nobody' } }) }, 'Unresolved resource dependencies [Nobody]'],
])('refuses %j', async (Resources, message) => {
  await expect(run({ s: { template: { Resources } } })).rejects.toThrow(message);
});

test('assemblies: assets by their object key, and what is wrong with a bad one', async () => {
  const read = readAssembly(assembly({ s: { template: {} } }, { code: { path: 'asset.abc', key: 'abc.zip' } }));
  expect(read.assetDirectory('abc.zip')).toBe(path.join(directory, 'asset.abc'));
  expect(() => read.assetDirectory('other.zip')).toThrow("has the object key 'other.zip'");
  expect(() => readAssembly(path.join(directory, 'nowhere'))).toThrow('manifest.json');
  expect(() => readAssembly(assembly({ s: { template: {}, environment: 'aws://unknown-account/unknown-region' } }))).toThrow(
    'give it an account and a Region',
  );
  await expect(run({ s: { template: {}, environment: 'aws://999999999999/us-east-1' } })).rejects.toThrow('is for account 999999999999');
});
