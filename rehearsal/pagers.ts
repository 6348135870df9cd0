/** Slack and PagerDuty as far as a message goes: servers of this machine that keep what they were sent, and can be down. */
import { createServer, type IncomingMessage } from 'node:http';
import { listenLocally } from './processes/listen.ts';

export interface Received {
  readonly by: 'slack' | 'pagerduty';
  readonly text: string;
}

export interface Pagers {
  /** What a person would put into the secret of the channels. */
  readonly secret: Readonly<Record<'slackWebhookUrl' | 'pagerDutyEventsUrl' | 'pagerDutyRoutingKey', string>>;
  readonly received: readonly Received[];
  /** It answers 503 until the answer is called. */
  takeDown(which: Received['by']): () => void;
  close(): Promise<void>;
}

export async function openPagers(): Promise<Pagers> {
  const received: Received[] = [];
  const down = new Set<Received['by']>();
  const server = createServer((request, response) => {
    const by = request.url?.startsWith('/services/') === true ? 'slack' : 'pagerduty';
    void bodyOf(request).then((body) => {
      if (down.has(by)) return response.writeHead(503).end();
      // Slack has a text, PagerDuty a summary with its lines.
      const { text, payload } = JSON.parse(body) as { text?: string; payload?: { summary: string; custom_details: { lines: string[] } } };
      received.push({ by, text: text ?? [payload?.summary, ...(payload?.custom_details.lines ?? [])].join('\n') });
      return response.writeHead(by === 'slack' ? 200 : 202).end();
    });
  });
  const base = `http://127.0.0.1:${await listenLocally(server)}`;
  return {
    secret: { slackWebhookUrl: `${base}/services/T0/B0/rehearsal`, pagerDutyEventsUrl: `${base}/v2/enqueue`, pagerDutyRoutingKey: 'rehearsal-routing-key' },
    received,
    takeDown(which) {
      down.add(which);
      return () => void down.delete(which);
    },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
