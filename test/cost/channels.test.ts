/** Who is reached, and how: Slack and PagerDuty as servers of this machine, the e-mails' topic as SNS has it. */
import { SNSClient } from '@aws-sdk/client-sns';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { email, type Endpoints, inOrder, type Message, pagerDuty, slack } from '../../lib/cost/channels.ts';
import { Secret } from '../../lib/secret.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { listenLocally } from '../../rehearsal/processes/listen.ts';
import { sns, type Sns } from '../../rehearsal/services/sns.ts';

interface Got {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

const region = 'us-east-1';
const got: Got[] = [];
let status = 200;
let server: Server;
let endpoints: Endpoints;
let world: CloudWorld;
let front: Front;
let topics: Sns;
let topicArn: string;
let client: SNSClient;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

beforeAll(async () => {
  server = createServer((request, response) => {
    void (async () => {
      got.push({ path: request.url ?? '', body: JSON.parse(await bodyOf(request)) as Record<string, unknown> });
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('the-canary-of-this-answer');
    })();
  });
  const base = `http://127.0.0.1:${await listenLocally(server)}`;
  endpoints = {
    slackWebhookUrl: new Secret(`${base}/slack/canary-in-the-path`), pagerDutyEventsUrl: new Secret(`${base}/v2/enqueue`), pagerDutyRoutingKey: new Secret('routing-canary'),
  };
  world = createWorld({ seed: 1, accountId: '111111111111', regions: [region], services: (made) => [(topics = sns(made))] });
  front = await startFront(world);
  const made = await topics.resources?.['AWS::SNS::Topic']?.({
    type: 'AWS::SNS::Topic', logicalId: 'T', stackName: 's', region, generatedName: 'people', properties: {},
  });
  topicArn = made?.ref ?? '';
  client = new SNSClient({ region, endpoint: world.endpoint, credentials: world.operator.credentials, maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await world.close();
  await front.close();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => void (status = 200));
afterEach(() => void got.splice(0));

const message: Message = {
  name: 'budget/b/2026-11/ACTUAL/100', severity: 'P1', title: 'All – of <it> & more', source: 'baton test',
  lines: ['Owner <!channel>: 1.00 → 9.00', '=cmd()'],
};

test('Slack gets plain text: nothing of it is a mention, a link or markup', async () => {
  await slack(async () => endpoints).send(message);
  expect(got).toEqual([{
    path: '/slack/canary-in-the-path',
    body: {
      text: 'P1 baton test: All – of &lt;it&gt; &amp; more\nOwner &lt;!channel&gt;: 1.00 → 9.00\n=cmd()',
      mrkdwn: false, unfurl_links: false, unfurl_media: false, link_names: false,
    },
  }]);
});

test('PagerDuty gets one incident for one notice', async () => {
  const channel = pagerDuty(async () => endpoints);
  await channel.send({ ...message, title: 'x'.repeat(3000) });
  await channel.send(message);
  expect(got.map(({ body }) => body['dedup_key'])).toEqual(Array(2).fill('baton test/budget/b/2026-11/ACTUAL/100'));
  expect(got[1]?.body).toMatchObject({
    routing_key: 'routing-canary', event_action: 'trigger',
    payload: { summary: 'baton test: All – of <it> & more', severity: 'critical', source: 'baton test', custom_details: { lines: message.lines } },
  });
  expect(got[0]?.body).toMatchObject({ payload: { summary: expect.stringMatching(/^.{1024}$/) } });
});

test('an e-mail has a subject that SNS takes, and every line', async () => {
  await email(client, topicArn).send({ ...message, title: `${'All – of it'.padEnd(150, '!')}\nsecond` });
  expect(topics.published).toHaveLength(1);
  expect(topics.published[0]?.subject).toMatch(/^P1 baton test: All . of it!+\.$/);
  expect(topics.published[0]?.message).toContain('Owner <!channel>: 1.00 → 9.00\n=cmd()');
});

describe('nobody took it', () => {
  test.each([500, 429, 404, 302])('answered %i: the error says the number, and neither answer nor address', async (answered) => {
    status = answered;
    const error = await slack(async () => endpoints).send(message).catch((each: unknown) => each as Error);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(answered === 302 ? /^Slack is not reached/ : new RegExp(`^Slack answered ${answered}$`));
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary');
    expect((error as Error).cause).toBeUndefined();
  });

  test.each(['http://127.0.0.1:1/canary', 'no address/canary'])('nobody is there: %s', async (url) => {
    const gone = { ...endpoints, slackWebhookUrl: new Secret(url) };
    const error = await slack(async () => gone).send(message).catch((each: unknown) => each as Error);
    expect((error as Error).message).toBe('Slack is not reached (TypeError)');
    expect((error as Error).cause).toBeUndefined();
  });
});

test.each([
  ['P1', ['pagerduty', 'slack', 'email']],
  ['P2', ['slack', 'email', 'pagerduty']],
  ['P3', ['email', 'slack']],
] as const)('%s is told by the first of those that there are, in this order', (severity, order) => {
  const all = [email(client, topicArn), slack(async () => endpoints), pagerDuty(async () => endpoints)];
  expect(inOrder(severity, all).map(({ name }) => name)).toEqual(order);
  expect(inOrder(severity, all.slice(0, 1)).map(({ name }) => name)).toEqual(['email']);
});
