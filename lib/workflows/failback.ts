/** The way home: where a failover has left this Region without a replica, one is made first; then it is a switchover. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { switchover, type SwitchoverParts } from './switchover.ts';
import type { Workflow } from './workflow.ts';

export function failback(w: Workflow, parts: SwitchoverParts): sfn.IChainable {
  return switchover(w, parts, 'failback');
}
