/**
 * Only the machines change what runs (lib/constructs/boundary.ts): a grant of such an action to any other role would be
 * refused at run time by that role's boundary, and a role without the boundary is a hole in it. Both fail the synthesis.
 */
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { actionsOnWhatRuns } from '../boundary.ts';
import { type Finding, reportOf, resourcesOf, type TemplateResource } from './template.ts';

interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
}

export class WhatRunsRules implements IPolicyValidationPlugin {
  readonly name = 'Baton what runs';

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const resources = resourcesOf(context);
    const roles = resources.filter(({ type }) => type === 'AWS::IAM::Role');
    const bounded = roles.filter((role) => !isOfStateMachine(role));
    return reportOf([
      ...bounded.filter(({ properties }) => properties['PermissionsBoundary'] === undefined).map(unbounded),
      ...bounded.flatMap((role) =>
        [role, ...resources.filter((policy) => isAttached(policy, role))].flatMap((holder) =>
          allowed(holder).map((action) => granted(holder, action)),
        ),
      ),
    ]);
  }
}

function isOfStateMachine({ properties }: TemplateResource): boolean {
  return JSON.stringify(properties['AssumeRolePolicyDocument'] ?? '').includes('"states.amazonaws.com"');
}

function isAttached({ type, templatePath, properties }: TemplateResource, role: TemplateResource): boolean {
  const names = properties['Roles'] as readonly { readonly Ref?: string }[] | undefined;
  const isPolicy = type === 'AWS::IAM::Policy' || type === 'AWS::IAM::ManagedPolicy';
  return isPolicy && templatePath === role.templatePath && (names ?? []).some(({ Ref }) => Ref === role.logicalId);
}

/** What it allows of the actions that are the machines' alone, wildcards understood. */
function allowed({ properties }: TemplateResource): readonly string[] {
  const inline = (properties['Policies'] ?? []) as ReadonlyArray<{ readonly PolicyDocument: unknown }>;
  const documents = [properties['PolicyDocument'], ...inline.map(({ PolicyDocument }) => PolicyDocument)];
  return documents
    .flatMap((document) => (document as { Statement?: readonly Statement[] } | undefined)?.Statement ?? [])
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action }) => Action ?? [])
    .filter((pattern) => {
      const words = pattern.toLowerCase().replaceAll('*', '.*').replaceAll('?', '.');
      return actionsOnWhatRuns.some((action) => new RegExp(`^${words}$`).test(action.toLowerCase()));
    });
}

function unbounded(resource: TemplateResource): Finding {
  return {
    rule: 'BoundedRoles',
    description: 'The role has no permissions boundary, so one wrong policy would let it change which traders run.',
    fix: 'Leave PermissionsBoundary to lib/constructs/boundary.ts, which puts it on every role of the app.',
    resource,
    location: 'Properties.PermissionsBoundary',
  };
}

function granted(resource: TemplateResource, action: string): Finding {
  return {
    rule: 'OnlyMachinesChangeWhatRuns',
    description: `'${action}' decides which traders run, and is the state machines' alone.`,
    fix: 'Let a state of a machine do it; the boundary of this role refuses it anyway.',
    resource,
    location: 'Properties',
  };
}
