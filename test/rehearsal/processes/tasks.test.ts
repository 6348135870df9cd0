import { request } from 'node:http';
import { expect, test } from 'vitest';

import type { BuiltImage } from '../../../rehearsal/processes/container-image.ts';
import { Egress } from '../../../rehearsal/processes/egress.ts';
import {
  essentialExited,
  TaskLauncher,
  type Health,
  type TaskContainer,
  type TaskLine,
  type TaskRequest,
} from '../../../rehearsal/processes/tasks.ts';
import { imageOf, useSite } from './site.ts';
import { until } from '../../until.ts';

const site = useSite();

const listener = `import { createServer } from 'node:http';
createServer((_, answer) => answer.end('ok')).listen(Number(process.env.BATON_GUARD_PORT), '127.0.0.1', () => console.log('listening'));
process.on('SIGTERM', () => { console.log('draining'); setTimeout(() => process.exit(0), 50); });`;
const probe = `const answer = await fetch('http://127.0.0.1:' + process.env.BATON_GUARD_PORT).catch(() => undefined);
process.exit(answer?.ok && !process.env.ILL ? 0 : 1);`;

const image = (name: string, main: string): Promise<BuiltImage> => imageOf(site, name, { files: { 'main.mjs': main, 'probe.mjs': probe } });
const container = (name: string, built: BuiltImage, more: Partial<TaskContainer> = {}): TaskContainer => ({
  name,
  image: built,
  essential: true,
  environment: { BATON_GUARD_PORT: '7070' },
  stopTimeoutSeconds: 5,
  dependsOn: [],
  ...more,
});
const healthCheck = {
  command: ['CMD', 'node', '/app/probe.mjs'],
  intervalSeconds: 0.05,
  timeoutSeconds: 5,
  retries: 2,
  startPeriodSeconds: 0,
};

function launcher(egress?: Egress): TaskLauncher {
  const { supervisor, authority } = site;
  return new TaskLauncher({
    ...(egress && { egress }),
    supervisor,
    endpoint: () => 'http://127.0.0.1:4566',
    caFile: authority.caFile,
    portVariables: ['BATON_GUARD_PORT'],
  });
}

function recorded(containers: readonly TaskContainer[]): { task: TaskRequest; lines: TaskLine[]; healths: Health[] } {
  const lines: TaskLine[] = [];
  const healths: Health[] = [];
  const credentials = { accessKeyId: 'ASIATEST', secretAccessKey: 'secret', sessionToken: 'token' };
  const task: TaskRequest = {
    name: 'btc/blue/1',
    region: 'us-east-1',
    credentials,
    containers,
    onLine: (line) => lines.push(line),
    onHealth: (health) => healths.push(health),
  };
  return { task, lines, healths };
}

test('a container has the environment of image, definition and platform, and nothing of ours', async () => {
  const built = await image('environment', 'console.log(JSON.stringify([process.env, process.cwd(), process.getuid()]))');
  const { task, lines } = recorded([
    container('trader', built, {
      environment: { BATON_BOOK: 'btc', BATON_GUARD_PORT: '7070', BATON_VENUE_URL: 'https://api.venue.example' },
    }),
  ]);
  const egress = new Egress({ 'https://api.venue.example': 'http://127.0.0.1:9999' }, async () => '127.113.0.1');
  const running = await launcher(egress).launch(task);
  expect(await running.stopped).toEqual({ reason: essentialExited, exits: { trader: { code: 0, signal: null } } });
  const venueUrl = (await egress.through(task.region, { venue: 'https://api.venue.example' }))['venue'];
  await egress.close();
  const [environment, cwd, uid] = JSON.parse(lines[0]?.line ?? '') as [Record<string, string>, string, number];
  expect(environment).toEqual({
    PATH: '/usr/bin:/bin',
    HOME: built.root,
    NODE_ENV: 'production',
    GREETING: 'hello there',
    BATON_BOOK: 'btc',
    BATON_VENUE_URL: venueUrl,
    BATON_GUARD_PORT: String(running.ports['BATON_GUARD_PORT']),
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
    AWS_ACCESS_KEY_ID: 'ASIATEST',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
    NODE_EXTRA_CA_CERTS: site.authority.caFile,
  });
  expect(cwd).toBe(`${built.root}/app`);
  expect(uid).toBe(process.getuid?.() === 0 ? 65532 : process.getuid?.());
});

test('the image user cannot write into its tree', async () => {
  const built = await image(
    'readonly',
    'import { writeFileSync } from "node:fs"; try { writeFileSync("new", ""); } catch (error) { console.log(error.code); }',
  );
  const { task, lines } = recorded([container('trader', built)]);
  await (
    await launcher().launch(task)
  ).stopped;
  expect(lines.map(({ line }) => line)).toEqual(['EACCES']);
});

test('two tasks have the port to themselves; the containers of one share it; health is checked; a stop drains', async () => {
  const built = await image('healthy', listener);
  const asks = await image(
    'asks',
    `setInterval(async () => console.log(await (await fetch('http://127.0.0.1:' + process.env.BATON_GUARD_PORT)).text()), 50);`,
  );
  const tasks = [1, 2].map(() =>
    recorded([
      container('trader', asks, { dependsOn: [{ containerName: 'guard', condition: 'HEALTHY' }] }),
      container('guard', built, { healthCheck }),
    ]),
  );
  const own = launcher();
  const running = await Promise.all(tasks.map(({ task }) => own.launch(task)));
  expect(new Set(running.map(({ ports }) => ports['BATON_GUARD_PORT'])).size).toBe(2);
  expect(own.running).toHaveLength(2);
  for (const [index, { lines, healths }] of tasks.entries()) {
    await until('the trader heard from its guard', () => lines.some(({ container: name, line }) => name === 'trader' && line === 'ok'));
    expect(healths).toEqual(['HEALTHY']);
    expect(running[index]?.health).toBe('HEALTHY');
  }
  const ends = await Promise.all(running.map((one) => one.stop('the test is over')));
  for (const end of ends)
    expect(end).toEqual({
      reason: 'the test is over',
      exits: { guard: { code: 0, signal: null }, trader: { code: null, signal: 'SIGTERM' } },
    });
  expect(tasks[0]?.lines.map(({ line }) => line)).toContain('draining');
  expect(own.running).toHaveLength(0);
});

test('a container that fails its check becomes unhealthy after its retries', async () => {
  const built = await image('ill', listener);
  const { task, healths } = recorded([container('guard', built, { healthCheck, environment: { BATON_GUARD_PORT: '1', ILL: 'yes' } })]);
  const running = await launcher().launch(task);
  await until('it is unhealthy', () => running.health === 'UNHEALTHY');
  expect(healths).toEqual(['UNHEALTHY']);
  await running.stop('over');
});

test('when one essential container ends, the others are asked to end', async () => {
  const guard = await image('killed-guard', listener);
  const bystander = await image('bystander', 'setInterval(() => {}, 1000)');
  const { task, lines } = recorded([container('guard', guard), container('trader', bystander)]);
  const running = await launcher().launch(task);
  await until('the guard listens', () => lines.some(({ line }) => line === 'listening'));
  running.kill('trader');
  const end = await running.stopped;
  expect(end.reason).toBe(essentialExited);
  expect(end.exits).toEqual({ trader: { code: null, signal: 'SIGKILL' }, guard: { code: 0, signal: null } });
});

test('a paused task is silent and speaks again when resumed', async () => {
  const built = await image('paused', listener);
  const { task, lines } = recorded([container('guard', built)]);
  const running = await launcher().launch(task);
  await until('the guard listens', () => lines.some(({ line }) => line === 'listening'));
  running.pause();
  const answer = new Promise<number | undefined>((resolve, reject) => {
    request({ host: '127.0.0.1', port: running.ports['BATON_GUARD_PORT'] }, (got) => resolve(got.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 200, 'silence'))])).toBe('silence');
  running.resume();
  expect(await answer).toBe(200);
  await running.stop('over');
});

test('what cannot be run is refused before anything starts', async () => {
  const built = await image('refused', listener);
  const own = launcher();
  const shell = recorded([container('guard', built, { healthCheck: { ...healthCheck, command: ['CMD-SHELL', 'curl localhost'] } })]);
  await expect(own.launch(shell.task)).rejects.toThrow(/'guard' could not be started: its health check is \['CMD-SHELL'/);
  const lonely = recorded([container('guard', built, { dependsOn: [{ containerName: 'ghost', condition: 'START' }] })]);
  await expect(own.launch(lonely.task)).rejects.toThrow(/depends on 'ghost', which the task does not have/);
  const circle = recorded([container('a', built, { dependsOn: [{ containerName: 'a', condition: 'START' }] })]);
  await expect(own.launch(circle.task)).rejects.toThrow('it depends on itself');
  expect(own.running).toHaveLength(0);
});
