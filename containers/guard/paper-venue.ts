/**
 * The venue on paper of a drill: a container of the same task, on loopback, so that the real image trades where nothing leads to a real venue. It has one account,
 * whose key is in the drill's own secret, and begins each time with nothing but that account's first balance.
 * When nobody ends its task, it does: a drill whose machine was killed leaves nothing that runs.
 */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PaperVenueEnvironment } from '../../lib/contracts/task-environment.ts';
import { readJson } from '../../lib/stored-secrets.ts';
import { startPaperVenue } from '../../lib/venues/paper/server.ts';

const say = (level: 'info' | 'error', message: string, fields: Record<string, unknown> = {}): void => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, container: 'venue', ...fields })}\n`);
};

async function open(): Promise<void> {
  const parsed = PaperVenueEnvironment.safeParse(process.env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`${problems.join('; ')}. The task definition must set these variables`);
  }
  const { BATON_VENUE_PORT: port, BATON_VENUE_SECRET_ARN: arn, BATON_OPEN_MINUTES: openMinutes } = parsed.data;
  const { apiKey, secret } = await readJson(new SecretsManagerClient({}), arn, ['apiKey', 'secret']);
  const orders = { accepted: 0, refused: 0 };
  const venue = await startPaperVenue({
    port: Number(port), keys: [{ apiKey: apiKey.reveal(), secret: secret.reveal(), account: 'drill' }],
    random: Math.random, monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
    onDecision: ({ method, clientOrderId, accepted }) => {
      if (method === 'POST' && clientOrderId !== undefined) orders[accepted ? 'accepted' : 'refused'] += 1;
    },
  });
  say('info', 'the venue on paper is open', { url: venue.url });
  const close = (why: string): void => {
    say('info', 'the venue on paper closes', { why, ...orders });
    void venue.close().then(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => close(signal));
  setTimeout(() => close(`open for ${openMinutes} minutes: nobody has ended this drill`), Number(openMinutes) * 60_000);
}

open().catch((error: unknown) => {
  say('error', 'the venue on paper cannot open', { error: error instanceof Error ? error.message : String(error) });
  process.exit(1);
});
