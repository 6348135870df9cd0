/** Where the front listens, and who answers what nobody signed. */
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { startFront } from '../../../rehearsal/cloud/front.ts';
import { createWorld } from '../../../rehearsal/cloud/world.ts';
import { freePort, listenLocally } from '../../../rehearsal/processes/listen.ts';
import { sts } from '../../../rehearsal/services/sts.ts';
import { UnavailableError } from '../../../rehearsal/unavailable.ts';

function newWorld() {
  const world = createWorld({ seed: 1, accountId: '111122223333', regions: ['us-east-1'], services: (inner) => [sts(inner)] });
  onTestFinished(() => world.close());
  return world;
}

test('it listens where it is told, and says so in plain words when it cannot', async () => {
  const port = await freePort();
  const front = await startFront(newWorld(), { port });
  expect(front.endpoint).toBe(`http://127.0.0.1:${port}`);
  await front.close();

  const other = createServer();
  const taken = await listenLocally(other);
  onTestFinished(() => void other.close());
  const refused = await startFront(newWorld(), { port: taken }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(UnavailableError);
  expect((refused as Error).message).toContain(`cannot listen on port ${taken}`);
});

test('what nobody signed is refused until somebody answers it; what is signed never gets there', async () => {
  const front = await startFront(newWorld());
  onTestFinished(() => front.close());
  const signature = 'AWS4-HMAC-SHA256 Credential=AKIASTRANGER/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0';
  const ask = async (headers: Record<string, string> = {}): Promise<string> => {
    const answer = await fetch(`${front.endpoint}/`, { headers });
    return `${answer.status} ${await answer.text()}`;
  };
  expect(await ask()).toMatch(/^403 GET \/ is not signed/);
  front.answerUnsigned((_request, response) => response.end('a page'));
  expect(await ask()).toBe('200 a page');
  expect(await ask({ authorization: signature })).not.toContain('a page');
});
