/** region-watch: keeps this Region in agreement with the lease. Contract: lib/contracts/region-watch.ts. */
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { RDSClient } from '@aws-sdk/client-rds';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SSMClient } from '@aws-sdk/client-ssm';
import { calling } from '../../lib/contracts/call.ts';
import { databaseRecovery } from '../../lib/contracts/recovery.ts';
import { regionWatch } from '../../lib/contracts/region-watch.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { watchedDatabase, watchedRegion } from '../../lib/standby/region.ts';
import { watchSteps } from '../../lib/standby/watch.ts';
import { databaseApi } from '../../lib/switchover/region-apis.ts';
import { sendingTo } from '../invoke.ts';
import { serve } from '../serve.ts';

/** Two beats and a half of an instance. */
const betweenLooksMs = 2500;
const dynamodb = new DynamoDBClient({});
const parameters = new SSMClient({});
const machines = new SFNClient({});
const databases = new RDSClient({});
const functions = new LambdaClient({});

const watch = serve(regionWatch, process.env, (environment) =>
  watchSteps({
    control: new LeaseControl(new DynamoLeaseStore({ client: dynamodb, tableName: environment.BATON_LEASE_TABLE })),
    books: environment.BATON_BOOKS.split(',') as BookName[],
    booksThatWrite: environment.BATON_BOOKS_THAT_WRITE.split(','),
    region: environment.BATON_REGION,
    ...watchedRegion({
      environment: environment.BATON_ENVIRONMENT, regions: environment.BATON_REGIONS.split(','), refreshMachineArn: environment.BATON_REFRESH_MACHINE,
      parameters, machines,
    }),
    database: watchedDatabase({
      identifier: environment.BATON_DATABASE,
      apis: databaseApi(databases),
      databases,
      ask: calling(databaseRecovery, environment.BATON_DATABASE_FUNCTION, sendingTo(functions)),
    }),
    pause: () => pause(betweenLooksMs),
    now: () => new Date(),
  }));

/** Whatever started it: the minute, or a change that has ended in the other Region. */
export const handler = (): Promise<unknown> => watch({ step: 'watch' });
