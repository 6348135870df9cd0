/**
 * What every synthesis checks, and fails on: CloudFormation's own rules (switched on in bin/app.ts), the AWS Solutions
 * pack, every state machine, and every permission.
 */
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { PermissionRules } from './permissions.ts';
import { StateMachineRules } from './state-machines.ts';

export function addValidations(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PermissionRules(), new StateMachineRules());
}
