/** STS: who the caller is. */
import type { ServiceModel, World } from '../cloud/model.ts';
import { callerIdentity } from '../cloud/presigned.ts';

export function sts(world: World): ServiceModel {
  return {
    service: 'sts',
    operations: { GetCallerIdentity: (_input, { caller }) => callerIdentity(world.accountId, caller) },
  };
}
