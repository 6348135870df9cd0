/** STS: who the caller is. */
import type { ServiceModel, World } from '../cloud/model.ts';

export function sts(world: World): ServiceModel {
  return {
    service: 'sts',
    operations: {
      GetCallerIdentity: (_input, { caller }) => {
        const roleName = caller.roleArn?.split('/').pop();
        const Arn =
          roleName === undefined
            ? `arn:aws:iam::${world.accountId}:user/operator`
            : `arn:aws:sts::${world.accountId}:assumed-role/${roleName}/local`;
        return { Account: world.accountId, Arn, UserId: `${caller.accessKeyId}${roleName === undefined ? '' : ':local'}` };
      },
    },
  };
}
