/** The lease and the journal. */
import { Stack } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';

export class TradingStateStack extends Stack {
  readonly leaseTable!: dynamodb.ITableV2;
  readonly journalTable!: dynamodb.ITableV2;
}
