/** Whether people hear of the bill: where Slack and PagerDuty are reached was put in, e-mails are confirmed, and tags split it. */
import { CostExplorerClient, ListCostAllocationTagsCommand } from '@aws-sdk/client-cost-explorer';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { requiredTags } from '../contracts/tags.ts';
import { costExplorerRegion } from '../cost/cost-explorer.ts';
import type { Settings } from '../settings/index.ts';
import { type Check, couldNot, failed, ok, unlessMissing } from './check.ts';
import type { Clients } from './clients.ts';
import { objectIn, subscribersCheck } from './contents.ts';
import { notYet } from './stacks.ts';

const area = 'bill';
/** ECS sets it; tasks carry no other. */
const activated = [...requiredTags, 'aws:ecs:serviceName'];

/** @param first the Region that is for ever, in which the bill is watched */
export function billChecks(settings: Settings, first: Clients): readonly Check[] {
  const prefix = `baton-${settings.environment}`;
  return [
    channelsCheck(settings, first, `${prefix}/cost-channels`),
    subscribersCheck(settings, first, `${prefix}-cost-people`, 'Somebody has the notices of the bill that no channel took'),
    {
      area,
      name: 'The tags that split the bill are activated',
      async run() {
        const costs = new CostExplorerClient({ region: costExplorerRegion });
        try {
          const { CostAllocationTags = [] } = await costs.send(new ListCostAllocationTagsCommand({ TagKeys: activated, Status: 'Active' }));
          const missing = activated.filter((key) => !CostAllocationTags.some(({ TagKey }) => TagKey === key));
          if (missing.length === 0) return ok(activated.join(', '));
          // An account of an organisation may not look: whoever pays has them.
          return couldNot(`not active here: ${missing.join(', ')}`, 'Activate them in the account that pays, a day after the first deployment: docs/cost.md.');
        } finally {
          costs.destroy();
        }
      },
    },
  ];
}

/** The values are looked at and let go of: nothing of them is in the finding. */
function channelsCheck({ notifications: { slack, pagerDuty } }: Settings, { secrets }: Clients, name: string): Check {
  return {
    area,
    name: 'Slack and PagerDuty can be told of the bill, where the settings have them',
    async run() {
      if (!slack && !pagerDuty) return ok('the settings have neither');
      const answer = await unlessMissing(secrets.send(new GetSecretValueCommand({ SecretId: name })));
      if (answer === undefined) return notYet(`the secret ${name}`);
      const value = objectIn(answer.SecretString);
      const holds = (field: string, form: RegExp): boolean => typeof value?.[field] === 'string' && form.test(value[field]);
      const wrong = [
        ...(slack && !holds('slackWebhookUrl', /^https:\/\//) ? ['slackWebhookUrl is no address'] : []),
        ...(pagerDuty && !holds('pagerDutyEventsUrl', /^https:\/\//) ? ['pagerDutyEventsUrl is no address'] : []),
        // As PagerDuty makes them; what the deployment put in has other characters too.
        ...(pagerDuty && !holds('pagerDutyRoutingKey', /^[A-Za-z0-9]{32}$/) ? ['pagerDutyRoutingKey is no integration key of 32 letters and digits'] : []),
      ];
      if (wrong.length === 0) return ok([...(slack ? ['Slack'] : []), ...(pagerDuty ? ['PagerDuty'] : [])].join(', '));
      return failed(wrong.join('; '), `aws secretsmanager put-secret-value --secret-id ${name}, as docs/runbooks/cost.md shows; the next channel is told until then.`);
    },
  };
}
