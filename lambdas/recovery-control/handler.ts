/** recovery-control: judges whether a Region is lost, and moves books. Contract: lib/contracts/recovery.ts, `recoveryControl`. */
import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { recoveryControl } from '../../lib/contracts/recovery.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { controlSteps } from '../../lib/recovery/control-steps.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { regionAnswers } from '../region-answers.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});

export const handler = serve(recoveryControl, process.env, (environment) =>
  controlSteps({
    control: new LeaseControl(new DynamoLeaseStore({ client, tableName: environment.BATON_LEASE_TABLE })),
    journal: new Journal({ client, tableName: environment.BATON_JOURNAL_TABLE }),
    books: environment.BATON_BOOKS.split(',') as BookName[],
    answers: regionAnswers,
    nowMs: () => Date.now(),
    sleep: setTimeout,
    patience: { looks: 9, pause: () => setTimeout(100) },
  }));
