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
    const findings = machines.flatMap((resource): Finding[] => {
      const finding = (description: string, fix: string): Finding => ({
        rule: 'ValidStateMachine',
        description,
        fix,
        resource,
        location: 'Properties.DefinitionString',
      });
      let definition: unknown;
      try {
        definition = JSON.parse(flatten(resource.properties['DefinitionString']));
      } catch (error) {
        return [finding(`The definition is no JSON: ${String(error)}.`, 'Give the machine a definition body that is one JSON object.')];
      }
      return validator()(definition).errors.map((error) =>
        finding(
          `The definition is no valid state machine: ${JSON.stringify(error)}.`,
          'Correct the state that the error names.',
        ),
      );
    });
    return reportOf(findings);
  }
}

/** CommonJS, and loaded only where there is a machine. */
function validator(): (definition: unknown) => AslAnswer {
  const require = createRequire(import.meta.url);
  keepCompiledSchemas(createRequire(require.resolve('asl-validator')));
  return require('asl-validator') as (definition: unknown) => AslAnswer;
}

interface Ajv {
  errors?: unknown;
  validate(schema: unknown, data: unknown): boolean;
}
let compiled: Ajv | undefined;

/**
 * The validator makes an Ajv for each machine and has it compile the same schemas again, for a fifth of a second each. The first
 * one answers for all of them here.
 */
function keepCompiledSchemas(requireOfValidator: NodeJS.Require): void {
  const { prototype } = (requireOfValidator('ajv') as { readonly default: { readonly prototype: Ajv } }).default;
  if (prototype.validate.name === 'validateByTheFirst') return;
  const { validate } = prototype;
  prototype.validate = function validateByTheFirst(schema, data) {
    if (schema !== 'http://asl-validator.cloud/state-machine.json#') return validate.call(this, schema, data);
    compiled ??= this;
    const valid = validate.call(compiled, schema, data);
    this.errors = compiled.errors;
    return valid;
  };
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
