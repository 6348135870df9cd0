/**
 * What every synthesis checks, and fails on: CloudFormation's own rules (fatal by a flag in bin/app.ts), the AWS Solutions
 * pack, every state machine, every permission, and who may change what runs.
 */
import {
  type App, CloudFormationValidatePlugin, type IPolicyValidationContext, type IPolicyValidationPlugin, type PolicyValidationPluginReport,
  Validations,
} from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { judgeByCloudFormationRules } from './cloudformation.ts';
import { PermissionRules } from './permissions.ts';
import { StateMachineRules } from './state-machines.ts';
import { WhatRunsRules } from './what-runs.ts';

/** In place of the CDK's own instance, which stands back when the app has one. */
class CloudFormationRules extends CloudFormationValidatePlugin {
  override validate({ stackTemplates }: IPolicyValidationContext): PolicyValidationPluginReport {
    return judgeByCloudFormationRules(stackTemplates);
  }
}

export function addValidations(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PermissionRules(), new StateMachineRules(), new WhatRunsRules());
  // The CDK's own switch for these rules.
  if (process.env['CDK_VALIDATION'] !== 'false') Validations.of(app).addPlugins(new CloudFormationRules() as IPolicyValidationPlugin);
}
