/**
 * What stands before a change to what trades: the parameter that freezes changes, the table of approvals, the function
 * through which the machine asks, the one through which people answer, and the policy that lets people call it.
 */
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { changeApprovals, decideChange } from '../contracts/change.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { letReadTemplates, stacksInWords } from './read-templates.ts';
import { keepAsRecorded } from './topology.ts';

export interface ChangeGatesProps {
  readonly settings: Settings;
  readonly prefix: string;
  readonly logRetention: logs.RetentionDays;
}

export class ChangeGates extends Construct {
  readonly freezeParameterName: string;
  readonly freezeParameterArn: string;
  readonly approvals: ContractFunction<typeof changeApprovals>;
  readonly decisions: ContractFunction<typeof decideChange>;

  constructor(scope: Construct, id: string, { settings, prefix, logRetention }: ChangeGatesProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const { environment, approvals } = settings;
    this.freezeParameterName = `/baton/${environment}/freeze`;
    this.freezeParameterArn = stack.formatArn({ service: 'ssm', resource: 'parameter', resourceName: this.freezeParameterName.slice(1) });
    const freeze = new ssm.CfnParameter(this, 'Freeze', {
      name: this.freezeParameterName,
      type: 'String',
      value: JSON.stringify({ frozen: false }),
      description: 'Whether changes are frozen, why and by whom: set and lifted by people.',
    });
    // A deployment must not lift a freeze.
    keepAsRecorded(freeze);

    const table = new dynamodb.TableV2(this, 'Approvals', {
      tableName: `${prefix}-approvals`,
      partitionKey: { name: 'execution', type: dynamodb.AttributeType.STRING },
      billing: dynamodb.Billing.onDemand(),
      // Who approved what, years later: the use of its key is recorded in CloudTrail.
      encryption: dynamodb.TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const shared = {
      BATON_ENVIRONMENT: environment, BATON_ACCOUNT: settings.account, BATON_REGION: stack.region,
      BATON_APPROVALS_TABLE: table.tableName,
    };
    const somebodyApproves = approvals.approvers.length > 0;
    this.approvals = new ContractFunction(this, 'Ask', {
      contract: changeApprovals, prefix, logRetention,
      environment: { ...shared, BATON_APPROVALS_REQUIRED: String(approvals.required), ...(somebodyApproves && { BATON_STACKS: stacksInWords(settings) }) },
    });
    if (somebodyApproves) letReadTemplates(this.approvals, settings);
    this.decisions = new ContractFunction(this, 'Decide', {
      contract: decideChange, prefix, logRetention,
      environment: {
        ...shared,
        BATON_APPROVERS: approvals.approvers.join(','),
        BATON_EXECUTIONS_ARN: stack.formatArn({
          service: 'states', resource: 'execution', resourceName: `${prefix}-`, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      },
    });
    for (const { function: each } of [this.approvals, this.decisions]) {
      each.addToRolePolicy(new iam.PolicyStatement({ actions: ['dynamodb:GetItem', 'dynamodb:PutItem'], resources: [table.tableArn] }));
    }
    if (stack.region === settings.regions.first.name) this.#letPeopleDecide(settings, prefix);
  }

  /** Policies are everybody's Region's: one for both, for the permission set, user or role of those who approve. */
  #letPeopleDecide({ regions }: Settings, prefix: string): void {
    const decisions = [regions.first, regions.second].map(({ name: region }) =>
      Stack.of(this).formatArn({
        service: 'lambda', region, resource: 'function', resourceName: `${prefix}-${decideChange.name}`, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }));
    // What they sign counts, not who carries it there.
    new iam.ManagedPolicy(this, 'Approver', {
      managedPolicyName: `${prefix}-approver`,
      description: `May say yes or no to changes of ${prefix}`,
      statements: [new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: decisions })],
    });
  }
}
