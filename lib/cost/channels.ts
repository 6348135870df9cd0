/**
 * How people are reached: PagerDuty wakes somebody, Slack is read today, an e-mail is kept. Each severity has its order; who is down
 * is passed over for the next, and that it was is said to whoever gets the message.
 */
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { ChannelName, Severity } from '../contracts/budget-alert.ts';
import type { Secret } from '../secret.ts';
import { inOneLine } from './notices.ts';

export interface Message {
  /** The same for the same notice: PagerDuty opens one incident for it, whatever happens here. */
  readonly name: string;
  readonly severity: Severity;
  readonly title: string;
  readonly lines: readonly string[];
  /** Of what: the environment. */
  readonly source: string;
}

export interface Channel {
  readonly name: ChannelName;
  /** Throws when nobody took it. */
  readonly send: (message: Message) => Promise<void>;
}

const orders: Readonly<Record<Severity, readonly ChannelName[]>> = {
  P1: ['pagerduty', 'slack', 'email'],
  P2: ['slack', 'email', 'pagerduty'],
  P3: ['email', 'slack'],
};

/** Of all that there are, whoever is to be tried, in order. */
export function inOrder(severity: Severity, channels: readonly Channel[]): readonly Channel[] {
  return orders[severity].flatMap((name) => channels.find((channel) => channel.name === name) ?? []);
}

export interface Endpoints {
  readonly slackWebhookUrl: Secret;
  /** Of the Events API, version 2: it has another host in the EU. */
  readonly pagerDutyEventsUrl: Secret;
  readonly pagerDutyRoutingKey: Secret;
}

/** Of the calls to each: all together leave room within the function's minute. */
const patienceMs = 8000;

/** An answer without 2xx is no taking. Errors repeat neither answer nor cause: both may have the address in them, which is secret. */
async function post(what: string, url: Secret, body: unknown): Promise<void> {
  const answer = await fetch(url.reveal(), {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
    signal: AbortSignal.timeout(patienceMs), redirect: 'error',
  }).catch((error: unknown) => error as Error);
  if (answer instanceof Error) throw new Error(`${what} is not reached (${answer.name})`);
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`${what} answered ${answer.status}`);
}

/** Slack reads three characters as its own markup (Slack, "Formatting text for app surfaces"). */
const forSlack = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function slack(endpoints: () => Promise<Endpoints>): Channel {
  return {
    name: 'slack',
    send: async ({ severity, source, title, lines }) =>
      post('Slack', (await endpoints()).slackWebhookUrl, {
        text: forSlack([`${severity} ${source}: ${title}`, ...lines].join('\n')),
        // Nothing of a message is a link, a mention or a picture, whoever wrote what it repeats.
        mrkdwn: false, unfurl_links: false, unfurl_media: false, link_names: false,
      }),
  };
}

const pagerDutySeverity: Readonly<Record<Severity, string>> = { P1: 'critical', P2: 'warning', P3: 'info' };
/** Of the summary of an event (PagerDuty, "Send an Alert Event"). */
const summaryLengthMax = 1024;

export function pagerDuty(endpoints: () => Promise<Endpoints>): Channel {
  return {
    name: 'pagerduty',
    async send({ name, severity, source, title, lines }) {
      const { pagerDutyEventsUrl, pagerDutyRoutingKey } = await endpoints();
      await post('PagerDuty', pagerDutyEventsUrl, {
        routing_key: pagerDutyRoutingKey.reveal(), event_action: 'trigger', dedup_key: `${source}/${name}`.slice(0, 255),
        payload: {
          summary: inOneLine(`${source}: ${title}`, summaryLengthMax), source, severity: pagerDutySeverity[severity], custom_details: { lines },
        },
      });
    },
  };
}

/** Of the subject of an e-mail by SNS: ASCII, and shorter than 100 characters. */
const subjectLengthMax = 99;

export function email(client: SNSClient, topicArn: string): Channel {
  return {
    name: 'email',
    async send({ severity, source, title, lines }) {
      const Subject = inOneLine(`${severity} ${source}: ${title}`, subjectLengthMax).replaceAll(/[^\x20-\x7e]/g, '.');
      await client.send(new PublishCommand({ TopicArn: topicArn, Subject, Message: [title, '', ...lines].join('\n') }));
    },
  };
}
