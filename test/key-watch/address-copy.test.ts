/** The watch keeps the other Region's addresses: what it does when that Region does not even refuse. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, expect, test } from 'vitest';
import { addressCopy } from '../../lib/key-watch/aws.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A Parameter Store that says so, or nothing at all. */
async function parameters(says: object | undefined, status = 200): Promise<SSMClient> {
  const server = createServer((_, response) => {
    if (says !== undefined) response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(says));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new SSMClient({ region: 'us-west-2', endpoint, credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'test' } });
}
const copyOf = (here: SSMClient, there: SSMClient): (() => Promise<string | undefined>) => addressCopy({ environment: 'dev', otherRegion: 'us-east-1', here, there });

test('a Region that never answers is not waited for: what is kept stands', async () => {
  const [kept, silent] = [await parameters({ Parameter: { Value: '198.51.100.1' } }), await parameters(undefined)];
  expect(await copyOf(kept, silent)()).toMatch(/^us-east-1 did not say its addresses \(\w+\); those kept here stand$/);
});

test('and where none are kept, that is said', async () => {
  const [none, silent] = [await parameters({ __type: 'ParameterNotFound' }, 400), await parameters(undefined)];
  await expect(copyOf(none, silent)()).rejects.toThrow();
});
