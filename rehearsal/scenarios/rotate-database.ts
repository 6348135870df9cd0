/**
 * What opens the database and Redis is rotated while a book trades: the logins of every role, the master's, the token of each Region's Redis. Secrets Manager calls the
 * steps, as its schedule would. Then old connections are cut, so that everybody has to come in anew; and what was valid before is tried.
 */
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { databaseSecretNames, masterSecretName, cacheSecretName, secretNameOf } from '../../lib/data-credentials/roles.ts';
import { connectToDatabase, LoginRefusedError } from '../../lib/database-client.ts';
import { Secret } from '../../lib/secret.ts';
import { AwsError } from '../cloud/model.ts';
import { timedOutAfterSuccess } from '../faults/aws.ts';
import { struck } from '../faults/fault.ts';
import { atLeast, atMost, exactly, type PromiseKept } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import { until } from '../until.ts';
import { monotonicMs } from '../venue/record.ts';
import { openBook } from './open-book.ts';
import type { Fault, Scenario, ScenarioEnd } from './scenario.ts';
import { settledIn, standbyRuns } from './two-regions.ts';

const ordersBefore = 30;
const ordersAfter = 30;
const gapLimitMs = 250;
/** A rotation that is repeated after minutes, compressed. */
const rotatedBoundMs = 60_000;
const reconnectBoundMs = 20_000;

const functionName = 'credential-rotation';

interface Injected {
  readonly heal: () => void;
  readonly promises: () => readonly PromiseKept[];
  /** What is left for the upkeep to finish: a rotation that Secrets Manager gave up. */
  readonly leaves?: string;
}
interface CredentialFault extends Fault {
  readonly inject: (stage: Stage) => Injected;
}

const stepsDie: CredentialFault = {
  name: 'each-step-dies',
  summary: 'Each of the four steps is done at its first try, and its function then dies.',
  outcome: 'succeeded',
  inject(stage) {
    const done = new Set<string>();
    return {
      heal: timedOutAfterSuccess(stage, /credential-rotation/, done),
      promises: () => [atLeast('struck', 'The fault struck: steps that died after their success', done.size, 4, 'steps')],
    };
  },
};

const rotationLeft: CredentialFault = {
  name: 'rotation-left',
  summary: 'The rotation of the traders’ login dies after the new password was set, until Secrets Manager gives it up: AWSPENDING is left.',
  outcome: 'succeeded',
  inject(stage) {
    let refused = 0;
    const leaves = secretNameOf(stage.environment, 'trader');
    const heal = stage.disturb(({ service, operation, input }) => {
      if (service !== 'lambda' || operation !== 'Invoke' || !String(input['FunctionName']).includes(functionName)) return undefined;
      const { Step, SecretId = '' } = JSON.parse(Buffer.from(input['Payload'] as Uint8Array).toString()) as { Step?: string; SecretId?: string };
      if (Step !== 'testSecret' || !SecretId.includes(leaves)) return undefined;
      refused += 1;
      return Promise.reject(new AwsError('ServiceException', 'Service encountered an internal error', { fault: 'server' }));
    });
    return { heal, leaves, promises: () => [struck('steps that did not come to be', refused)] };
  },
};

const throttledOneIn = 4;
const secretsThrottled: CredentialFault = {
  name: 'secrets-throttled',
  summary: `Secrets Manager throttles one call in ${throttledOneIn}.`,
  outcome: 'succeeded',
  inject(stage) {
    let calls = 0;
    let refusals = 0;
    const heal = stage.disturb(({ service, caller }) => {
      if (service !== 'secretsmanager' || caller.roleArn === undefined) return undefined;
      calls += 1;
      if (calls % throttledOneIn !== 0) return undefined;
      refusals += 1;
      return Promise.reject(new AwsError('ThrottlingException', 'Rate exceeded'));
    });
    return { heal, promises: () => [struck('calls throttled', refusals)] };
  },
};

const faults: readonly CredentialFault[] = [stepsDie, rotationLeft, secretsThrottled];
const homeLost: Fault = {
  name: 'home-lost-in-rotation',
  summary: 'The home Region goes dark between the new password of the traders’ login and its promotion; the rotation is finished where the books move to.',
  outcome: 'succeeded',
};

export const rotateDatabase: Scenario = {
  name: 'rotate-database',
  maintenance: true,
  summary: 'Logins of the database and tokens of Redis are rotated while a book trades.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `no silence between two accepted orders of more than ${gapLimitMs} ms`,
    'every secret has a new value that is accepted; after its second rotation the old login is refused, the old token of Redis when it is retired',
    'who comes in anew uses what is current, and every accepted order is in the ledger',
  ],
  faults: [...faults, homeLost],
  bothRegions: true,
  contradiction: (names) => (names.length > 1 ? 'each of them is about the same steps: tell it alone' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersBefore);
    if (end !== undefined) return end;
    if (names.has(homeLost.name)) return afterTheLoss(stage, first, opened);
    const { environment, home, standby } = stage;
    const trader = secretNameOf(environment, 'trader');
    const cache = cacheSecretName(environment);
    const all = [...databaseSecretNames(environment).map((name) => ({ name, region: home })), ...[home, standby].map((region) => ({ name: cache, region }))];
    const before = new Map<string, string>();
    for (const { name, region } of all) before.set(`${region} ${name}`, await currentOf(stage, name, region));

    stage.progress.heading('Everything is rotated');
    const fault = faults.find(({ name }) => names.has(name));
    const injected = fault?.inject(stage);
    const startMs = monotonicMs();
    // The two Redis beside each other, for each takes minutes; the logins one after the other: functions share no processor on AWS, and do here.
    const rotatedOf = async (each: (typeof all)[number]): Promise<boolean> => rotated(stage, each, before.get(`${each.region} ${each.name}`) ?? '', injected?.leaves);
    const tokensRotated = all.filter(({ name }) => name === cache).map(rotatedOf);
    const settled: boolean[] = [];
    for (const each of all.filter(({ name }) => name !== cache)) settled.push(await rotatedOf(each));
    settled.push(...(await Promise.all(tokensRotated)));
    injected?.heal();
    const kept: PromiseKept[] = [];
    if (injected?.leaves !== undefined) {
      stage.progress.note('the upkeep finishes what was left');
      const { done = [] } = await upkeep(stage, home, { unfinishedSeconds: 0, retireSeconds: 3600 });
      kept.push(exactly('finished', 'Finished by the upkeep', done.filter((each) => each.startsWith('finished')).join(', '), `finished the rotation of ${injected.leaves} that was left`));
    }

    stage.progress.heading('Old connections are cut, the old token of Redis is retired');
    const retired = await Promise.all([home, standby].map((region) => upkeep(stage, region, { unfinishedSeconds: 3600, retireSeconds: 0 })));
    const usedBefore = await tradersUser(stage);
    await cutConnections(stage);
    const current = JSON.parse(await currentOf(stage, trader, home)) as { username: string };
    await until('the ledger connected as the current user', reconnectBoundMs, async () => (await tradersUser(stage)) === current.username);
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);

    stage.progress.heading('A second rotation');
    await rotated(stage, { name: trader, region: home }, await currentOf(stage, trader, home), undefined);
    const silence = stage.longestSilenceMs(startMs);

    const login = async (name: string, text: string): Promise<string> => `${name.split('/').slice(1).join(' ')} ${(await databaseAccepts(stage, text)) ? 'accepted' : 'refused'}`;
    const oldLogins = await Promise.all([trader, masterSecretName(environment)].map((name) => login(name, before.get(`${home} ${name}`) ?? '')));
    const newLogins = await Promise.all(databaseSecretNames(environment).map(async (name) => login(name, await currentOf(stage, name, home))));
    const tokens = await Promise.all([home, standby].map(async (region) => {
      const [old, now] = [before.get(`${region} ${cache}`) ?? '', await currentOf(stage, cache, region)];
      return `${(await redisAccepts(stage, region, old)) ? 'old accepted' : 'old refused'}, ${(await redisAccepts(stage, region, now)) ? 'new accepted' : 'new refused'}`;
    }));
    const last = await upkeep(stage, home, { unfinishedSeconds: 0, retireSeconds: 3600 });
    const live = (await stage.holder())?.colour ?? 'blue';
    return {
      outcome: 'succeeded',
      steps: first.steps,
      modelledDurationMs: first.modelledMs,
      promises: [
        opened,
        exactly('rotated', 'Secrets with a new value', settled.filter((each) => each).length, all.length - (injected?.leaves === undefined ? 0 : 1)),
        ...kept,
        atMost('gap', 'Orders went on through it all', silence, stage.onAQuietMachine(gapLimitMs), 'ms'),
        exactly('turn', 'The ledger wrote on as, and after its connection was cut as', `${usedBefore}, ${current.username}`, 'trader_a, trader_b'),
        exactly('old', 'Old logins of the database', oldLogins.join(', '), 'database trader refused, database refused'),
        exactly('new', 'New ones', newLogins.filter((each) => !each.endsWith('accepted')).join(', ') || 'accepted', 'accepted'),
        exactly('tokens', 'Tokens of Redis, at home and in the other Region', tokens.join('; '), 'old refused, new accepted; old refused, new accepted'),
        exactly('retired', 'Old tokens that the upkeep retired', retired.flatMap(({ done = [] }) => done).filter((each) => each.startsWith('retired')).length, 2),
        exactly('upkeep', 'The upkeep finds', [last.finished, last.rotating, last.accepted, last.recent, last.retired].join(' '), 'yes yes yes yes yes'),
        exactly('pending', 'Rotations left over', (await leftOver(stage, all)).join(', ') || 'none', 'none'),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver(live)).join(', ') || 'none', 'none'),
        ...(injected?.promises() ?? []),
      ],
    };
  },
};

/** A rotation half-way, a failover, and the same rotation finished in the other Region. */
async function afterTheLoss(stage: Stage, first: WorkflowEnd, opened: PromiseKept): Promise<ScenarioEnd> {
  const { home, standby, environment } = stage;
  const trader = secretNameOf(environment, 'trader');
  const live = await standbyRuns(stage, stage.releases.first.trader.digest);
  stage.progress.heading(`${home} is lost in the middle of a rotation`);
  const lost = Promise.withResolvers<void>();
  const stop = stage.disturb(({ service, operation, input, region }) => {
    if (service !== 'lambda' || operation !== 'Invoke' || region !== home || !String(input['FunctionName']).includes(functionName)) return undefined;
    const { Step } = JSON.parse(Buffer.from(input['Payload'] as Uint8Array).toString()) as { Step?: string };
    if (Step !== 'finishSecret') return undefined;
    stage.darken(home).then(lost.resolve, lost.reject);
    return Promise.reject(new AwsError('ServiceException', 'Service encountered an internal error', { fault: 'server' }));
  });
  const before = await currentOf(stage, trader, home);
  await stage.operator('secretsmanager', 'RotateSecret', { SecretId: trader, ClientRequestToken: crypto.randomUUID() }, home);
  await lost.promise;
  stop();
  const moved = await stage.recovery('failover', standby);
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);

  stage.progress.heading('What was left is finished where the books are');
  const left = await leftOver(stage, [{ name: trader, region: standby }]);
  const stillBefore = await currentOf(stage, trader, standby);
  const found = await upkeep(stage, standby, { unfinishedSeconds: 0, retireSeconds: 3600 });
  const turnedOn = (found.done ?? []).filter((each) => each.startsWith('turned on')).length;
  await cutConnections(stage);
  const { username } = JSON.parse(await currentOf(stage, trader, standby)) as { username: string };
  await until('the ledger connected as the current user', reconnectBoundMs, async () => (await tradersUser(stage)) === username);
  const again = await rotated(stage, { name: trader, region: standby }, await currentOf(stage, trader, standby), undefined);
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);
  return {
    outcome: moved.outcome,
    steps: [...first.steps, ...moved.steps],
    modelledDurationMs: moved.modelledMs,
    promises: [
      opened,
      exactly('moved', 'The failover ended as', moved.outcome, 'succeeded'),
      exactly('struck', 'The fault struck: left over in the other Region, with the old login current', `${left.join(', ')}${stillBefore === before ? '' : ', and promoted'}`, `${trader} in ${standby}`),
      exactly('finished', 'Finished there', (found.done ?? []).filter((each) => each.startsWith('finished')).join(', '), `finished the rotation of ${trader} that was left`),
      exactly('turned-on', 'Rotations that were turned on there', turnedOn, databaseSecretNames(environment).length),
      exactly('turn', 'The ledger came in anew as', username, 'trader_b'),
      exactly('again', 'And was rotated there once more', again ? 'yes' : 'no', 'yes'),
      ...(await settledIn(stage, standby, live)),
    ],
  };
}

interface Found {
  readonly finished?: string;
  readonly rotating?: string;
  readonly accepted?: string;
  readonly recent?: string;
  readonly retired?: string;
  readonly done?: readonly string[];
}

async function currentOf(stage: Stage, name: string, region: string): Promise<string> {
  const { SecretString } = await stage.operator<{ SecretString: string }>('secretsmanager', 'GetSecretValue', { SecretId: name }, region);
  return SecretString;
}

/** Begins the rotation and waits for its end; false where it was given up and AWSPENDING is left. */
async function rotated(stage: Stage, { name, region }: { readonly name: string; readonly region: string }, before: string, leaves: string | undefined): Promise<boolean> {
  await stage.operator('secretsmanager', 'RotateSecret', { SecretId: name, ClientRequestToken: crypto.randomUUID() }, region);
  const gaveUp = (): boolean => stage.log.some((line) => JSON.stringify(line).includes(`the rotation of the secret ${name} was given up`));
  return until(`the rotation of ${name} in ${region}`, rotatedBoundMs, async () => {
    if ((await currentOf(stage, name, region)) !== before) return 'rotated';
    return name === leaves && gaveUp() && 'given up';
  }).then((how) => how === 'rotated');
}

/** As the schedule calls it, or a person with less patience. */
async function upkeep(stage: Stage, region: string, patience: { readonly unfinishedSeconds: number; readonly retireSeconds: number }): Promise<Found> {
  const { Payload } = await stage.operator<{ Payload: Uint8Array }>(
    'lambda', 'Invoke',
    { FunctionName: `baton-${stage.environment}-${functionName}`, Payload: Buffer.from(JSON.stringify({ step: 'upkeep', ...patience })) }, region,
  );
  return JSON.parse(Buffer.from(Payload).toString()) as Found;
}

/** As whom the ledger of the book is connected; empty while it is not. */
async function tradersUser(stage: Stage): Promise<string> {
  const rows = await stage.stores(stage.home).database.server.ask<{ usename: string }>(
    'SELECT usename FROM pg_stat_activity WHERE application_name = $1 ORDER BY backend_start DESC', [`baton-${stage.book}`],
  );
  return [...new Set(rows.map(({ usename }) => usename))].join(' and ');
}

async function cutConnections(stage: Stage): Promise<void> {
  await stage.stores(stage.home).database.server.ask('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [`baton-${stage.book}`]);
  const redis = await redisWith(stage, stage.home, await currentOf(stage, cacheSecretName(stage.environment), stage.home));
  await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  redis.disconnect();
}

async function databaseAccepts(stage: Stage, text: string): Promise<boolean> {
  const { database: { endpoint }, caFile } = stage.stores(stage.home);
  const { username, password } = JSON.parse(text) as { username: string; password: string };
  const logins = { async *logins() { yield { username: new Secret(username), password: new Secret(password) }; } };
  try {
    const client = await connectToDatabase(
      { BATON_DATABASE_HOST: endpoint.host, BATON_DATABASE_PORT: String(endpoint.port), BATON_DATABASE_NAME: 'baton' }, logins,
      { application_name: 'a person', connectionTimeoutMillis: 5000, ssl: { ca: await readFile(caFile, 'utf8') } },
    );
    await client.end();
    return true;
  } catch (error) {
    if (error instanceof LoginRefusedError) return false;
    throw error;
  }
}

async function redisAccepts(stage: Stage, region: string, token: string): Promise<boolean> {
  try {
    (await redisWith(stage, region, token)).disconnect();
    return true;
  } catch (error) {
    if (error instanceof Error && /WRONGPASS/.test(error.message)) return false;
    throw error;
  }
}

async function redisWith(stage: Stage, region: string, token: string): Promise<Redis> {
  const { cache: { host, port }, caFile } = stage.stores(region);
  const redis = new Redis({ host, port, password: token, tls: { ca: await readFile(caFile, 'utf8') }, lazyConnect: true, retryStrategy: () => null });
  let refused: Error | undefined;
  redis.on('error', (error: Error) => (refused ??= error));
  try {
    await redis.connect();
    return redis;
  } catch (error) {
    throw refused ?? error;
  }
}

async function leftOver(stage: Stage, all: readonly { readonly name: string; readonly region: string }[]): Promise<readonly string[]> {
  const found = await Promise.all(all.map(async ({ name, region }) => {
    const { VersionIdsToStages } = await stage.operator<{ VersionIdsToStages: Record<string, string[]> }>('secretsmanager', 'DescribeSecret', { SecretId: name }, region);
    return Object.values(VersionIdsToStages).some((stages) => stages.includes('AWSPENDING') && !stages.includes('AWSCURRENT')) ? [`${name} in ${region}`] : [];
  }));
  return found.flat();
}
