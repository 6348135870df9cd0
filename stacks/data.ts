/** PostgreSQL and Redis. */
import { Stack } from 'aws-cdk-lib';
import type * as rds from 'aws-cdk-lib/aws-rds';

export class DataStack extends Stack {
  readonly database!: rds.IDatabaseInstance;
  /** A plain name, known at synth. */
  readonly databaseInstanceIdentifier!: string;
}
