/** The command of the drills as people start it: what it draws from a directory and from a bucket, what it says to what cannot be drawn, and its exit codes. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { startFront } from '../../rehearsal/cloud/front.ts';
import { createWorld } from '../../rehearsal/cloud/world.ts';
import { s3 } from '../../rehearsal/services/s3.ts';
import { reportOf } from '../drill/reports.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(path.join(tmpdir(), 'baton-drills-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const page = path.join(directory, 'page.html');
function run(given: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/drills.ts', ...given], { cwd: repository, timeout: 120_000, env: { ...process.env, ...variables } }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}
function folder(name: string, files: Readonly<Record<string, string>>): string {
  const made = path.join(directory, name);
  mkdirSync(made);
  for (const [file, content] of Object.entries(files)) writeFileSync(path.join(made, file), content);
  return made;
}

test('draws what is in a directory, signatures beside it', async () => {
  const from = folder('two', { 'a.json': JSON.stringify(reportOf(0)), 'b.json': JSON.stringify(reportOf(1, { passed: false, why: 'too slow' })), 'a.signature.json': '{}' });
  expect(await run(['--trend', '--from', from, '--out', page])).toEqual({ status: 0, stdout: `2 drills, 1 passed: ${page}\n`, stderr: '' });
  expect(readFileSync(page, 'utf8')).toMatch(/1 of 2 drills passed/);
});

test("draws what is in the bucket of an environment's standby Region, and in one that is named", async () => {
  const world = createWorld({ seed: 1, provisioning: 'typical', accountId: '333333333333', regions: ['us-east-1', 'us-west-2'], services: (made) => [s3(made)] });
  const front = await startFront(world);
  onTestFinished(async () => {
    await front.close();
    await world.close();
  });
  const Bucket = 'baton-production-evidence-333333333333-us-west-2';
  const ask = (operation: string, input: Record<string, unknown>) => world.call({ service: 's3', operation, region: 'us-west-2', caller: world.operator.caller, input });
  const region = 'us-west-2';
  await world.model('s3')?.resources?.['AWS::S3::Bucket']?.({ type: 'AWS::S3::Bucket', logicalId: 'Evidence', stackName: 'test', region, generatedName: 'x', properties: { BucketName: Bucket } });
  for (const [key, body] of [['drills/1.json', reportOf(0)], ['drills/1.signature.json', {}], ['verifications/1.json', {}]] as const) await ask('PutObject', { Bucket, Key: key, Body: Buffer.from(JSON.stringify(body)) });
  const { accessKeyId, secretAccessKey } = world.operator.credentials;
  const variables = { AWS_ENDPOINT_URL: world.endpoint, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: 'us-west-2' };
  const drawn = { status: 0, stdout: `1 drills, 1 passed: ${page}\n`, stderr: '' };
  expect(await run(['--trend', '--out', page], variables)).toEqual(drawn);
  expect(await run(['--trend', '--from', `s3://${Bucket}`, '--out', page], variables)).toEqual(drawn);
  const elsewhere = await run(['--trend', '--from', 's3://no-such-bucket', '--out', page], variables);
  expect([elsewhere.status, elsewhere.stderr]).toEqual([1, expect.stringMatching(/s3:\/\/no-such-bucket\/drills\/ could not be read: .+ Which account and Region/)]);
});

describe('what cannot be drawn', () => {
  test.each([
    ['nothing was asked for', [], 2, /There is nothing to do: say --trend/],
    ['an option that there is not', ['--trned'], 2, /unknown option '--trned'/],
    ['an environment that there is not', ['--trend', '--env', 'moon'], 2, /moon/],
    ['what is no bucket', ['--trend', '--from', 's3://A_b'], 2, /'s3:\/\/A_b' is no bucket: wanted s3:\/\/<bucket>/],
    ['a directory that there is not', ['--trend', '--from', '/no/such'], 1, /There is no directory \/no\/such/],
  ] as const)('%s', async (_, given, status, says) => {
    const ended = await run(given);
    expect([ended.status, ended.stderr]).toEqual([status, expect.stringMatching(says)]);
  });

  test.each([
    ['an empty directory', {}, /There is no report of a drill in/],
    ['what is no JSON', { 'a.json': '{' }, /a\.json is no JSON/],
    ['another report', { 'a.json': '{"verified": true}' }, /a\.json is no report of a drill: installation: must be of type string \(seen: nothing\)/],
    ['reports of two installations', { 'a.json': JSON.stringify(reportOf(0)), 'b.json': JSON.stringify(reportOf(1, { installation: 'baton-dev' })) }, /several installations: baton-production, baton-dev/],
  ] as const)('%s', async (name, files, says) => {
    const ended = await run(['--trend', '--from', folder(name, files), '--out', path.join(directory, 'none.html')]);
    expect([ended.status, ended.stderr]).toEqual([1, expect.stringMatching(says)]);
  });
});

test('help says what there is', async () => {
  const { status, stdout } = await run(['--help']);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/--trend .*--from <directory\|s3:\/\/bucket>.*--env.*--out/s)]);
});
