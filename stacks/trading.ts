/** Where the traders run. */
import { Stack } from 'aws-cdk-lib';
import type * as ecr from 'aws-cdk-lib/aws-ecr';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { BookName } from '../lib/lease/model.ts';

/** What the cutover needs to know of one book to start a task set of it. */
export interface BookResources {
  readonly name: BookName;
  readonly serviceName: string;
  readonly serviceArn: string;
  /** The family of the synthesized template, and of the revisions that a cutover registers from it. */
  readonly templateFamily: string;
  readonly family: string;
  readonly taskRole: iam.IRole;
  readonly executionRole: iam.IRole;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  /** Name of the SSM parameter that records the live image (a deployment reads it, a cutover writes it). */
  readonly liveParameterName: string;
}

export class TradingStack extends Stack {
  readonly cluster!: ecs.ICluster;
  readonly books!: readonly BookResources[];
  readonly traderRepository!: ecr.IRepository;
  readonly guardRepository!: ecr.IRepository;
}
