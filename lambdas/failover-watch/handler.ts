/** failover-watch: the automatic mode. Contract: lib/contracts/failover-watch.ts. */
import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { GetParameterCommand, ParameterNotFound, SSMClient } from '@aws-sdk/client-ssm';
import { failoverWatch } from '../../lib/contracts/failover-watch.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { takeOverByItself } from '../../lib/recovery/automatic.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { regionAnswers } from '../region-answers.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});
const ssm = new SSMClient({});
const sfn = new SFNClient({});

export const handler = serve(failoverWatch, process.env, (environment) => ({
  look: () =>
    takeOverByItself({
      control: new LeaseControl(new DynamoLeaseStore({ client, tableName: environment.BATON_LEASE_TABLE })),
      journal: new Journal({ client, tableName: environment.BATON_JOURNAL_TABLE }),
      books: environment.BATON_BOOKS.split(',') as BookName[],
      here: environment.AWS_REGION ?? '',
      silentLeases: Number(environment.BATON_SILENT_LEASES),
      holdDownMs: Number(environment.BATON_HOLD_DOWN_MINUTES) * 60_000,
      answers: regionAnswers,
      nowMs: () => Date.now(),
      sleep: setTimeout,
      homeSinceMs: async (region) => {
        try {
          const { Parameter } = await ssm.send(new GetParameterCommand({ Name: `/baton/${environment.BATON_ENVIRONMENT}/home-region/${region}` }));
          return Parameter?.LastModifiedDate?.getTime();
        } catch (error) {
          if (error instanceof ParameterNotFound) return undefined;
          throw error;
        }
      },
      start: async (name, request) => {
        try {
          await sfn.send(new StartExecutionCommand({ stateMachineArn: environment.BATON_FAILOVER_MACHINE, name, input: JSON.stringify(request) }));
        } catch (error) {
          if (!(error instanceof ExecutionAlreadyExists)) throw error;
        }
      },
    }),
}));
