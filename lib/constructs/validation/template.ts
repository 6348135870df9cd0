/** Reads synthesized templates for the rules beside this file. */
import { readFileSync } from 'node:fs';
import type { IPolicyValidationContext, PolicyValidationPluginReport, PolicyViolation } from 'aws-cdk-lib';

export interface TemplateResource {
  readonly templatePath: string;
  readonly logicalId: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Finding {
  readonly rule: string;
  /** What was wrong and what was seen; the report adds stack and resource. */
  readonly description: string;
  readonly fix: string;
  readonly resource: TemplateResource;
  /** Where in the resource, such as `Properties.PolicyDocument`. */
  readonly location: string;
}

export function resourcesOf(context: IPolicyValidationContext): TemplateResource[] {
  return context.templatePaths.flatMap((templatePath) => {
    const template = JSON.parse(readFileSync(templatePath, 'utf8')) as {
      Resources?: Record<string, { Type: string; Properties?: Record<string, unknown> }>;
    };
    return Object.entries(template.Resources ?? {}).map(([logicalId, resource]) => ({
      templatePath,
      logicalId,
      type: resource.Type,
      properties: resource.Properties ?? {},
    }));
  });
}

export interface TemplateOutput {
  readonly name: string;
  readonly value: unknown;
  readonly exportName?: unknown;
}

export function outputsOf(templatePath: string): TemplateOutput[] {
  const { Outputs = {} } = JSON.parse(readFileSync(templatePath, 'utf8')) as {
    Outputs?: Record<string, { Value: unknown; Export?: { Name: unknown } }>;
  };
  return Object.entries(Outputs).map(([name, { Value: value, Export }]) => ({ name, value, exportName: Export?.Name }));
}

export function reportOf(findings: readonly Finding[]): PolicyValidationPluginReport {
  const violations: PolicyViolation[] = findings.map((finding) => ({
    ruleName: finding.rule,
    description: finding.description,
    fix: finding.fix,
    severity: 'error',
    violatingResources: [
      { resourceLogicalId: finding.resource.logicalId, templatePath: finding.resource.templatePath, locations: [finding.location] },
    ],
  }));
  return { success: findings.length === 0, violations };
}
