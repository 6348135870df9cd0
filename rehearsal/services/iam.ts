/** IAM: roles and their policies as data, for whoever judges the recorded calls by them. */
import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';

export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly trust: unknown;
  readonly managedPolicyArns: readonly string[];
  /** Inline policies and those attached by AWS::IAM::Policy, by name. */
  readonly policies: Map<string, unknown>;
}
export interface Iam extends ServiceModel {
  /** By ARN. */
  readonly roles: ReadonlyMap<string, Role>;
}

export function iam(world: World): Iam {
  const roles = new Map<string, Role>();
  const arnOf = (name: string, path = '/'): string => `arn:aws:iam::${world.accountId}:role${path}${name}`;

  return {
    service: 'iam',
    roles,
    operations: {},
    resources: {
      'AWS::IAM::Role': ({ properties, generatedName }) => {
        const name = String(properties['RoleName'] ?? generatedName.slice(0, 64));
        const arn = arnOf(name, properties['Path'] as string | undefined);
        if (roles.has(arn)) throw new AwsError('EntityAlreadyExists', `Role with name ${name} already exists.`);
        const inline = (properties['Policies'] ?? []) as ReadonlyArray<{ PolicyName: string; PolicyDocument: unknown }>;
        roles.set(arn, {
          name,
          arn,
          trust: properties['AssumeRolePolicyDocument'],
          managedPolicyArns: (properties['ManagedPolicyArns'] ?? []) as readonly string[],
          policies: new Map(inline.map(({ PolicyName, PolicyDocument }) => [PolicyName, PolicyDocument])),
        });
        return { ref: name, attributes: { Arn: arn, RoleId: `AROA${world.uniqueId(17).toUpperCase()}` } };
      },
      'AWS::IAM::Policy': ({ properties, generatedName }) => {
        for (const name of (properties['Roles'] ?? []) as readonly string[]) {
          const role = [...roles.values()].find((candidate) => candidate.name === name);
          if (!role) throw new AwsError('NoSuchEntity', `The role with name ${name} cannot be found.`);
          role.policies.set(String(properties['PolicyName']), properties['PolicyDocument']);
        }
        return { ref: generatedName, attributes: {} };
      },
    },
  };
}
