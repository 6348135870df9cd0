/** Where the front listens, and who answers what nobody signed. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
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

test('what nobody waits for any more is not done', async () => {
  const world = newWorld();
  const done: unknown[] = [];
  const call = world.call.bind(world);
  world.call = (asked) => {
    done.push(asked.operation);
    return call(asked);
  };
  const front = await startFront(world);
  onTestFinished(() => front.close());
  const { port } = new URL(front.endpoint);
  const { accessKeyId } = world.operator.caller;
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const request = [
    'POST / HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`,
    `Authorization: AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0`, '', body,
  ].join('\r\n');
  await sent(Number(port), request);
  expect(done).toEqual(['GetCallerIdentity']);

  // The front is held up, as on a busy machine; meanwhile somebody asks, waits in vain and goes.
  const gone = new Int32Array(new SharedArrayBuffer(4));
  const client = new Worker(`
    const { workerData: { gone, port, request } } = require('node:worker_threads');
    const socket = require('node:net').connect({ port, host: '127.0.0.1' }, () => socket.write(request, () => socket.destroy()));
    socket.on('close', () => { Atomics.store(gone, 0, 1); Atomics.notify(gone, 0); });
  `, { eval: true, workerData: { gone, port: Number(port), request } });
  onTestFinished(async () => void (await client.terminate()));
  expect(Atomics.wait(gone, 0, 0, 10_000)).not.toBe('timed-out');
  const answer = await sent(Number(port), request);
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  expect(done, 'of the one who stayed, and not of the one who went').toEqual(['GetCallerIdentity', 'GetCallerIdentity']);
});

async function sent(port: number, request: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}
