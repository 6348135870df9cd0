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

test('what fails in the thread fails here, and the thread goes on', () => {
  begin('missing');
  expect(() => judged()).toThrow(/ENOENT/);
  begin('after', soundQueue);
  expect(judged().cloudFormation.success).toBe(true);
});
