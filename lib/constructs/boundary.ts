/**
 * Only the machines change what runs. What trades is a task set, and each role of the system but those of the state
 * machines carries a permissions boundary that denies what starts, stops, replaces or enters one – whatever a policy may
 * once allow the role by mistake. The bearer cannot take the boundary off either. For people: docs/security.md.
 */
import { type App, Aspects, type IAspect, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** What decides which tasks run, and what enters one. */
export const actionsOnWhatRuns: readonly string[] = [
  'CreateService', 'UpdateService', 'DeleteService', 'CreateTaskSet', 'UpdateTaskSet', 'UpdateServicePrimaryTaskSet', 'DeleteTaskSet',
  'RunTask', 'StartTask', 'StopTask', 'ExecuteCommand', 'DeleteCluster',
].map((action) => `ecs:${action}`);

const actionsOnBoundaries = [
  'PutRolePermissionsBoundary', 'DeleteRolePermissionsBoundary', 'CreatePolicyVersion', 'DeletePolicyVersion', 'SetDefaultPolicyVersion',
  'DeletePolicy',
].map((action) => `iam:${action}`);

export function boundaryName(environment: string): string {
  return `baton-${environment}-boundary`;
}

/** Makes the policy, in the stack that is deployed first, and puts it on every role of the app. */
export function boundEveryRole(app: App, owner: Stack, environment: string): void {
  const policy = new iam.CfnManagedPolicy(owner, 'Boundary', {
    managedPolicyName: boundaryName(environment),
    description: 'What no role but those of the state machines may ever do: change which traders run.',
    policyDocument: {
      Version: '2012-10-17',
      Statement: [
        { Sid: 'WhatItsOwnPoliciesAllow', Effect: 'Allow', Action: '*', Resource: '*' },
        { Sid: 'NeverWhatRuns', Effect: 'Deny', Action: actionsOnWhatRuns, Resource: '*' },
        { Sid: 'NeverThisBoundary', Effect: 'Deny', Action: actionsOnBoundaries, Resource: '*' },
      ],
    },
  });
  // Tasks outlive the stack, and their role with them: neither is left without its boundary.
  policy.applyRemovalPolicy(RemovalPolicy.RETAIN);
  const reason = 'A boundary allows nothing by itself: it is the most that a role’s own policies can allow.';
  for (const id of ['AwsSolutions-IAM5[Action::*]', 'AwsSolutions-IAM5[Resource::*]', 'Baton permissions::NamedResources']) {
    Validations.of(policy).acknowledge({ id, reason });
  }
  Aspects.of(app).add(new BoundedRoles(policy, environment));
}

class BoundedRoles implements IAspect {
  readonly #policy: iam.CfnManagedPolicy;
  readonly #environment: string;

  constructor(policy: iam.CfnManagedPolicy, environment: string) {
    this.#policy = policy;
    this.#environment = environment;
  }

  visit(node: IConstruct): void {
    if (!(node instanceof iam.CfnRole) || isOfStateMachine(node)) return;
    const stack = Stack.of(node);
    // By name elsewhere, so that no stack exports it; the owner is deployed before all others.
    node.permissionsBoundary =
      stack === this.#policy.stack
        ? this.#policy.ref
        : stack.formatArn({ service: 'iam', region: '', resource: 'policy', resourceName: boundaryName(this.#environment) });
  }
}

function isOfStateMachine(role: iam.CfnRole): boolean {
  const trust = JSON.stringify(Stack.of(role).resolve(role.assumeRolePolicyDocument));
  return trust.includes('"states.amazonaws.com"');
}
