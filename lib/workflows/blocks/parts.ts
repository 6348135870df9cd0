/** What the machines that change what runs are made of: the books, the functions that decide, what they may touch. */
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { changeApprovals, MarketCalendar } from '../../contracts/change.ts';
import type { cutoverInspection, leaseControl } from '../../contracts/cutover.ts';
import type { ContractFunction } from '../../constructs/function.ts';

/** What the machine must know of a book, in its definition. */
export interface CutoverBook {
  readonly name: string;
  readonly serviceName: string;
  readonly templateFamily: string;
  readonly family: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly liveParameterName: string;
  readonly deploymentWindow: MarketCalendar;
  /** Whether its images know the command `migrate`. */
  readonly migrates: boolean;
  /** Whether its cutovers contract the schema: a canary's do not, for its book still runs the release before. */
  readonly contracts: boolean;
  readonly migrationTemplateFamily: string;
  readonly migrationFamily: string;
}

export interface CutoverParts {
  readonly environment: string;
  readonly books: readonly CutoverBook[];
  readonly leaseControl: ContractFunction<typeof leaseControl>;
  readonly inspection: ContractFunction<typeof cutoverInspection>;
  readonly approvals: ContractFunction<typeof changeApprovals>;
  readonly freezeParameterName: string;
  readonly clusterName: string;
  readonly migrationClusterName: string;
  /** The two containers of a task, by their names, and where their images come from. */
  readonly repositories: { readonly trader: Repository; readonly guard: Repository };
  readonly databaseInstanceIdentifier: string;
  readonly reportBucketName: string;
  readonly topicArn: string;
  readonly arns: CutoverArns;
  /** Leave to pass exactly the roles of the tasks to ECS. */
  readonly passRoles: iam.PolicyStatement;
  readonly passMigrationRoles: iam.PolicyStatement;
  readonly limits: CutoverLimits;
}
interface Repository {
  readonly name: string;
  readonly uri: string;
}
/** What the machine's API calls are allowed on. */
export interface CutoverArns {
  readonly traderRepository: string;
  readonly guardRepository: string;
  readonly database: string;
  readonly snapshots: string;
  readonly taskDefinitions: readonly string[];
  readonly migrationDefinitions: readonly string[];
  readonly migrationTasks: string;
  readonly services: readonly string[];
  readonly taskSets: readonly string[];
  readonly liveParameters: readonly string[];
  readonly freezeParameter: string;
  readonly reports: string;
}
export interface CutoverLimits {
  readonly healthySeconds: number;
  readonly drainSeconds: number;
  readonly proveSeconds: number;
  readonly bakeSeconds: number;
  readonly rollbackWindowSeconds: number;
  /** How long people may take to approve. */
  readonly approvalSeconds: number;
  /** A change that costs more a month than this needs an approval, also where others need none; undefined where nobody could give it. */
  readonly approvedAboveUsd: number | undefined;
}

/** The errors that leave the branches of the preparation; the outer catch names them. */
export const preparation = {
  snapshotLate: 'SnapshotNotAvailable',
  notMigrated: 'SchemaNotMigrated',
  snapshotFailed: 'SnapshotFailed',
  notRunning: 'TasksNotRunning',
  notHealthy: 'StandbysNotHealthy',
  leftoverStays: 'LeftoverNotRemoved',
} as const;
