/** budget-alert: tells people of the bill. Contract: lib/contracts/budget-alert.ts. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CostExplorerClient } from '@aws-sdk/client-cost-explorer';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SNSClient } from '@aws-sdk/client-sns';
import { budgetAlert } from '../../lib/contracts/budget-alert.ts';
import { alertSteps } from '../../lib/cost/alert.ts';
import { email, type Endpoints, pagerDuty, slack } from '../../lib/cost/channels.ts';
import { costExplorer, costExplorerRegion } from '../../lib/cost/cost-explorer.ts';
import { toldTable } from '../../lib/cost/told.ts';
import { readJson } from '../../lib/stored-secrets.ts';
import { beginOnce } from '../begin-once.ts';
import { serve } from '../serve.ts';

const secrets = new SecretsManagerClient({});
const machines = new SFNClient({});

const alert = serve(budgetAlert, process.env, (environment) => {
  const names = ['slackWebhookUrl', 'pagerDutyEventsUrl', 'pagerDutyRoutingKey'] as const;
  // Read at each telling: people put another address there when one has leaked.
  const endpoints = (): Promise<Endpoints> => readJson(secrets, environment.BATON_CHANNELS_SECRET, names);
  const all = [pagerDuty(endpoints), slack(endpoints), email(new SNSClient({}), environment.BATON_NOTICES_TOPIC)];
  const stateMachineArn = environment.BATON_RESPONSE_MACHINE;
  return alertSteps({
    environment: environment.BATON_ENVIRONMENT,
    store: toldTable(new DynamoDBClient({}), environment.BATON_NOTICES_TABLE),
    channels: all.filter(({ name }) => environment.BATON_CHANNELS.split(',').includes(name)),
    costs: costExplorer(new CostExplorerClient({ region: costExplorerRegion })),
    tags: environment.BATON_TAGS.split(','),
    respond: stateMachineArn === undefined ? undefined : (month, reason) =>
      beginOnce(machines, stateMachineArn, `spent-${month}`, { month, reason, requestedBy: budgetAlert.name }),
    now: () => new Date(),
    newAttempt: randomUUID,
    pause: () => pause(1000),
  });
});

interface SnsMessage {
  readonly Message: string;
  readonly Subject?: string | null;
  readonly MessageId: string;
  readonly Timestamp: string;
}
interface SnsEvent {
  readonly Records: readonly [{ readonly Sns: SnsMessage }];
}

/** SNS gives a function one message at a time. */
export const handler = async ({ Records }: SnsEvent): Promise<unknown> => {
  const [{ Sns }] = Records;
  const { Message: message, Subject, MessageId: messageId, Timestamp: publishedAt } = Sns;
  return alert({ step: 'tell', message, messageId, publishedAt, ...(Subject != null && { subject: Subject }) });
};
