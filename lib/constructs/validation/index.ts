/**
 * What every synthesis checks, and fails on: CloudFormation's own rules (fatal by a flag in bin/app.ts), the AWS Solutions
 * pack, every state machine, every permission, who may change what runs, and what a failover needs.
 */
import {
  type App, CloudFormationValidatePlugin, type IPolicyValidationPlugin, type PolicyValidationPluginReport, Validations,
} from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beginJudging, judged } from './beside.ts';
import { PermissionRules } from './permissions.ts';
import { SpotRules } from './spot.ts';
import { StateMachineRules } from './state-machines.ts';
import { StaticStabilityRules } from './static-stability.ts';
import { WhatRunsRules } from './what-runs.ts';

/** Only starts what the last two collect, so that it is judged beside the rest. */
const beginning: IPolicyValidationPlugin = {
  name: 'Baton, beside',
  validate(context) {
    beginJudging(context);
    return { success: true, violations: [] };
  },
};

/** In place of the CDK's own instance, which stands back when the app has one. */
class CloudFormationRules extends CloudFormationValidatePlugin {
  override validate(): PolicyValidationPluginReport {
    return judged().cloudFormation;
  }
}

export function addValidations(app: App): void {
  const here = [new AwsSolutionsChecks(app), new PermissionRules(), new WhatRunsRules(), new SpotRules(), new StaticStabilityRules()];
  const stateMachines = new StateMachineRules();
  // The CDK's own switch for its rules: then nothing is worth a thread.
  if (process.env['CDK_VALIDATION'] === 'false') return Validations.of(app).addPlugins(...here, stateMachines);
  const stateMachinesBeside: IPolicyValidationPlugin = { name: stateMachines.name, validate: () => judged().stateMachines };
  Validations.of(app).addPlugins(beginning, ...here, stateMachinesBeside, new CloudFormationRules() as IPolicyValidationPlugin);
}
