/** Every state machine is valid Amazon States Language, JSONata included: CloudFormation finds that out at deployment only. */
import { createRequire } from 'node:module';
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { type Finding, reportOf, resourcesOf } from './template.ts';

interface AslAnswer {
  readonly isValid: boolean;
  readonly errors: ReadonlyArray<Record<string, unknown>>;
}

export class StateMachineRules implements IPolicyValidationPlugin {
  readonly name = 'Baton state machines';

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const machines = resourcesOf(context).filter((resource) => resource.type === 'AWS::StepFunctions::StateMachine');
    if (machines.length === 0) return { success: true, violations: [] };
    const regions = [...new Set(context.stackTemplates.flatMap(({ region }) => region ?? []))];
    // Both Regions have the same machines: what differs in their Region alone is judged once.
    const judgedBefore = new Map<string, AslAnswer>();
    const findings = machines.flatMap((resource): Finding[] => {
      const finding = (description: string, fix: string): Finding => ({
        rule: 'ValidStateMachine',
        description,
        fix,
        resource,
        location: 'Properties.DefinitionString',
      });
      const text = regions.reduce((left, region) => left.replaceAll(region, 'us-east-1'), flatten(resource.properties['DefinitionString']));
      let answer = judgedBefore.get(text);
      if (answer === undefined) {
        let definition: unknown;
        try {
          definition = JSON.parse(text);
        } catch (error) {
          return [finding(`The definition is no JSON: ${String(error)}.`, 'Give the machine a definition body that is one JSON object.')];
        }
        answer = validator()(definition);
        judgedBefore.set(text, answer);
      }
      return answer.errors.map((error) =>
        finding(
          `The definition is no valid state machine: ${JSON.stringify(error)}.`,
          'Correct the state that the error names.',
        ),
      );
    });
    return reportOf(findings);
  }
}

interface Ajv {
  errors?: unknown;
  validate(schema: unknown, data: unknown): boolean;
}
let validate: ((definition: unknown) => AslAnswer) | undefined;

/**
 * CommonJS, and loaded only where there is a machine. It makes an Ajv for each definition and has it compile the same schemas
 * again, for a fifth of a second each: here the first one answers for all.
 */
function validator(): (definition: unknown) => AslAnswer {
  if (validate === undefined) {
    const require = createRequire(import.meta.url);
    const ajv = createRequire(require.resolve('asl-validator'))('ajv') as { default: new (options: unknown) => Ajv };
    const made: Ajv[] = [];
    ajv.default = class extends ajv.default {
      override validate(schema: unknown, data: unknown): boolean {
        if (made.length === 0) made.push(this);
        const [first = this] = made;
        const valid = super.validate.call(first, schema, data);
        this.errors = first.errors;
        return valid;
      }
    };
    validate = require('asl-validator') as (definition: unknown) => AslAnswer;
  }
  return validate;
}

/** It compiles its schemas at their first use. */
export function warmUp(): void {
  validator()({ QueryLanguage: 'JSONata', StartAt: 'Only', States: { Only: { Type: 'Succeed' } } });
}

/** The definition as CloudFormation would join it, with an ARN standing for each reference. */
function flatten(value: unknown): string {
  if (typeof value === 'string') return value;
  const join = (value as { 'Fn::Join'?: [string, unknown[]] } | undefined)?.['Fn::Join'];
  if (join !== undefined) return join[1].map(flatten).join(join[0]);
  if ((value as { Ref?: string } | undefined)?.Ref === 'AWS::Partition') return 'aws';
  return 'arn:aws:lambda:us-east-1:123456789012:function:reference';
}
