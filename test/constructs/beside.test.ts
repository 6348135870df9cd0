/** The rules that judge in a thread beside: what they answer reaches the side that waits, findings and failures alike. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { IPolicyValidationContext } from 'aws-cdk-lib';
import { afterAll, expect, test } from 'vitest';
import { beginJudging, judged } from '../../lib/constructs/validation/beside.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-beside-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function begin(name: string, resources?: object): void {
  const templatePath = path.join(directory, `${name}.template.json`);
  if (resources !== undefined) writeFileSync(templatePath, JSON.stringify({ Resources: resources }));
  beginJudging({ templatePaths: [templatePath], stackTemplates: [{ stackConstructPath: name, templatePath }] } as IPolicyValidationContext);
}

const queue = { Queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 'soon' } } };
const soundQueue = { Queue: { Type: 'AWS::SQS::Queue', Properties: {} } };
const machine = { Machine: { Type: 'AWS::StepFunctions::StateMachine', Properties: { DefinitionString: '{', RoleArn: 'arn:aws:iam::1:role/a' } } };

test('both kinds of findings come back, and once collected can be read again', () => {
  begin('wrong', { ...queue, ...machine });
  expect(judged().cloudFormation.success).toBe(false);
  expect(judged().stateMachines.violations.map(({ ruleName }) => ruleName)).toEqual(['ValidStateMachine']);
});

test('a judgement that nobody collected is not taken for the next', () => {
  begin('uncollected', machine);
  begin('sound', soundQueue);
  expect(judged()).toMatchObject({ cloudFormation: { success: true }, stateMachines: { success: true, violations: [] } });
});

test('a machine of two Regions is judged once and found in both; what only one of them has is found there', () => {
  const found = (next: (region: string) => string): string[] => {
    const stackTemplates = ['us-east-1', 'us-west-2'].map((region) => {
      const templatePath = path.join(directory, `machine-${region}.template.json`);
      const definition = { StartAt: 'Begin', States: { Begin: { Type: 'Pass', Comment: region, Next: next(region) }, End: { Type: 'Succeed' } } };
      const Properties = { DefinitionString: JSON.stringify(definition), RoleArn: 'arn:aws:iam::1:role/a' };
      writeFileSync(templatePath, JSON.stringify({ Resources: { Machine: { Type: 'AWS::StepFunctions::StateMachine', Properties } } }));
      return { stackConstructPath: region, templatePath, accountId: undefined, region };
    });
    beginJudging({ templatePaths: stackTemplates.map(({ templatePath }) => templatePath), stackTemplates } as unknown as IPolicyValidationContext);
    return judged().stateMachines.violations.flatMap(({ violatingResources }) => violatingResources.map(({ templatePath = '' }) => path.basename(templatePath)));
  };
  const both = ['machine-us-east-1.template.json', 'machine-us-west-2.template.json'];
  expect(found(() => 'End')).toEqual([]);
  expect(new Set(found(() => 'Nowhere'))).toEqual(new Set(both));
  expect(new Set(found((region) => (region === 'us-west-2' ? 'Nowhere' : 'End')))).toEqual(new Set(both.slice(1)));
});

test('what fails in the thread fails here, and the thread goes on', () => {
  begin('missing');
  expect(() => judged()).toThrow(/ENOENT/);
  begin('after', soundQueue);
  expect(judged().cloudFormation.success).toBe(true);
});
