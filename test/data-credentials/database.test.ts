/**
 * Logins of the database, rotated on a real PostgreSQL whose master is none of its superusers, as RDS has it: whoever is connected goes on, whoever connects
 * gets in, at each point at which a rotation may die; and what each role may do is what it needs.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientBase } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../containers/trader/migrations/run.ts';
import { isWritten, loginIn, MasterCredential, RoleCredential, type Database } from '../../lib/data-credentials/database-credentials.ts';
import { ensureRoles, masterSecretName, roleNames, secretNameOf, usersOf, type RoleName } from '../../lib/data-credentials/roles.ts';
import { Rotation } from '../../lib/data-credentials/rotation.ts';
import { connectToDatabase, LoginRefusedError, type DatabaseAddress, type DatabaseLogin, type LoginSource } from '../../lib/database-client.ts';
import { Secret } from '../../lib/secret.ts';
import { startPostgres, type PostgresServer } from '../../rehearsal/processes/postgres.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { until } from '../until.ts';
import { CrashError, MemorySecrets } from './memory-secrets.ts';

const site = useSite();
const firstPassword = 'the first password of the master';
let server: PostgresServer;
let address: DatabaseAddress;
let lines: string[];

beforeAll(async () => {
  lines = [];
  server = await startPostgres({
    ...site, directory: join(site.directory, 'credentials'), masterUser: 'baton', masterPassword: firstPassword, database: 'baton', onLine: (line) => lines.push(line),
  });
  // What is logged for being slow is logged whole.
  await server.ask('ALTER SYSTEM SET log_min_duration_statement = 0');
  await server.ask('SELECT pg_reload_conf()');
  address = { BATON_DATABASE_HOST: server.host, BATON_DATABASE_PORT: String(server.port), BATON_DATABASE_NAME: 'baton' };
});

const more = (): Parameters<typeof connectToDatabase>[2] => ({
  application_name: 'test', connectionTimeoutMillis: 5000, ssl: { rejectUnauthorized: true, ca: readFileSync(server.caFile, 'utf8') },
});
const only = (...logins: readonly DatabaseLogin[]): LoginSource => ({
  async *logins() {
    yield* logins;
  },
});
const textOf = (username: string, password: string): Secret => new Secret(JSON.stringify({ username, password }));

/** A world of its own for each test: the secrets, and whoever uses them. */
function scene(): { secrets: MemorySecrets; rotation: Rotation; database: Database; as: <A>(name: string, use: (client: ClientBase) => Promise<A>) => Promise<A> } {
  const secrets = new MemorySecrets();
  const sourceOf = (name: string): LoginSource => ({
    async *logins() {
      for (const stage of ['AWSCURRENT', 'AWSPREVIOUS', 'AWSPENDING'] as const) {
        const value = secrets.valueOf(name, stage);
        if (value !== undefined) yield loginIn(value);
      }
    },
  });
  const connected = async <A>(source: LoginSource, use: (client: ClientBase) => Promise<A>): Promise<A> => {
    const client = await connectToDatabase(address, source, more());
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  };
  const database: Database = {
    asMaster: (use) => connected(sourceOf(masterSecretName('test')), use),
    as: (login, use) => connected(only(login), use).catch((error: unknown) => {
      if (error instanceof LoginRefusedError) return undefined;
      throw error;
    }),
    newPassword: () => randomBytes(20).toString('hex'),
    newSalt: () => randomBytes(16),
  };
  const credentials = new Map<string, RoleCredential | MasterCredential>([
    [masterSecretName('test'), new MasterCredential(database)],
    ...roleNames.map((role) => [secretNameOf('test', role), new RoleCredential(database, role)] as const),
  ]);
  const rotation = new Rotation(secrets, (name) => {
    const found = credentials.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  });
  return { secrets, rotation, database, as: (name, use) => connected(sourceOf(name), use) };
}

/** The master's password again as it was before, and each role with a login that works. */
async function opened(roles: readonly RoleName[] = ['trader']): Promise<ReturnType<typeof scene>> {
  const made = scene();
  await server.ask(`ALTER ROLE baton PASSWORD '${firstPassword}'`);
  made.secrets.create(masterSecretName('test'), textOf('baton', firstPassword));
  await made.database.asMaster(ensureRoles);
  for (const role of roles) {
    const login = textOf(usersOf(role)[0], made.database.newPassword());
    made.secrets.create(secretNameOf('test', role), login);
    await new RoleCredential(made.database, role).give(login);
  }
  return made;
}
const trader = secretNameOf('test', 'trader');
const master = masterSecretName('test');

describe('a rotation of a role', () => {
  it('gives the other user a new password: who is connected goes on, and the old login works until the next one', async () => {
    const { secrets, rotation, as } = await opened();
    const before = secrets.valueOf(trader, 'AWSCURRENT')!;
    await as(trader, async (client) => {
      const { rows: [was] } = await client.query<{ user: string }>('SELECT current_user AS user');
      await rotation.complete(secrets.begin(trader));
      const { rows: [is] } = await client.query<{ user: string }>('SELECT current_user AS user');
      expect([was, is]).toEqual([{ user: 'trader_a' }, { user: 'trader_a' }]);
    });
    const user = (name: string) => as(name, async (client) => (await client.query<{ user: string }>('SELECT current_user AS user')).rows[0]?.user);
    expect(await user(trader)).toBe('trader_b');
    const old = await connectToDatabase(address, only(loginIn(before)), more());
    await old.end();
    await rotation.complete(secrets.begin(trader));
    expect(await user(trader)).toBe('trader_a');
    await expect(connectToDatabase(address, only(loginIn(before)), more())).rejects.toThrow(LoginRefusedError);
  });

  it('never touches the user that is in use', async () => {
    const { secrets, rotation, as } = await opened();
    const step = secrets.begin(trader);
    await secrets.putPending(trader, step.token, textOf('trader_a', 'another'));
    await expect(rotation.complete(step)).rejects.toMatchObject({ name: 'CredentialRefusedError' });
    secrets.stage(trader, step.token, textOf('baton', 'another'));
    await expect(rotation.complete(step)).rejects.toMatchObject({ name: 'CredentialRefusedError' });
    expect(await as(trader, isWritten)).toBe(true);
  });

  it('is for a version that is pending, and for no other', async () => {
    const { rotation, secrets } = await opened();
    await expect(rotation.complete({ secretId: trader, token: 'unknown' })).rejects.toMatchObject({ name: 'NotPendingError' });
    const step = secrets.begin(trader);
    await rotation.complete(step);
    const calls = secrets.writes;
    // All of it again, as whoever repeats a step does.
    await rotation.complete(step);
    expect(secrets.writes).toBe(calls);
  });

  it('tests what is current, when Secrets Manager only tries whether it could', async () => {
    const { rotation, secrets } = await opened();
    await rotation.test(secrets.begin(trader));
  });

  it('changes nothing in a database that takes no writes', async () => {
    const { rotation, secrets, as } = await opened();
    await server.ask('ALTER DATABASE baton SET default_transaction_read_only = on');
    try {
      await expect(rotation.complete(secrets.begin(trader))).rejects.toMatchObject({ name: 'DatabaseNotWrittenError' });
    } finally {
      await server.ask('ALTER DATABASE baton RESET default_transaction_read_only');
    }
    expect(await as(trader, isWritten)).toBe(true);
  });
});

describe.each([trader, master])('wherever a rotation of %s dies', (name) => {
  it('whoever connects gets in, and going through the steps again ends it', async () => {
    let crashes = 0;
    for (let calls = 0; ; calls++) {
      const { secrets, rotation, as } = await opened();
      const step = secrets.begin(name);
      secrets.crashAfter(calls);
      const died = await rotation.complete(step).then(() => false, (error: unknown) => {
        if (error instanceof CrashError) return true;
        throw error;
      });
      secrets.crashAfter(Infinity);
      expect(await as(name, isWritten)).toBe(true);
      expect(await as(trader, isWritten)).toBe(true);
      await rotation.complete(step);
      expect(secrets.stagesOf(name, step.token)).toContain('AWSCURRENT');
      expect(await as(name, isWritten)).toBe(true);
      if (!died) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(8);
  }, 180_000);

  it('two at once end as one', async () => {
    const { secrets, rotation, as } = await opened();
    const step = secrets.begin(name);
    const ended = await Promise.allSettled([rotation.complete(step), rotation.complete(step)]);
    if (ended.some(({ status }) => status === 'rejected')) await rotation.complete(step);
    expect(secrets.stagesOf(name, step.token)).toContain('AWSCURRENT');
    expect(await as(name, isWritten)).toBe(true);
  });
});

it('a database that lacks the newest change, as one that was promoted may, takes the login before', async () => {
  const { secrets, as } = await opened();
  await secrets.putPending(trader, secrets.begin(trader).token, textOf('trader_b', 'that this database never got'));
  await secrets.promoteNewest(trader);
  expect(await as(trader, async (client) => (await client.query<{ user: string }>('SELECT current_user AS user')).rows[0]?.user)).toBe('trader_a');
});

it('no password is in what PostgreSQL logs', async () => {
  const { secrets, rotation } = await opened();
  for (const name of [trader, master]) await rotation.complete(secrets.begin(name));
  await until('the statement in the log', () => lines.join('\n').includes('ALTER ROLE "trader_b" PASSWORD'));
  const log = lines.join('\n');
  expect(secrets.everyValue.map((value) => loginIn(value).password.reveal()).filter((password) => password !== firstPassword && log.includes(password))).toEqual([]);
});

describe('a role', () => {
  let made: ReturnType<typeof scene>;
  beforeAll(async () => {
    made = await opened(roleNames);
    await made.database.asMaster((client) => migrate(client, 'expansion', { log: () => undefined }));
    await made.database.asMaster(ensureRoles);
    await made.database.asMaster((client) => client.query('CREATE TABLE notes (id bigserial PRIMARY KEY, text text)'));
  });
  afterAll(() => made.database.asMaster((client) => client.query('DROP TABLE notes')));
  const as = (role: (typeof roleNames)[number], statement: string): Promise<unknown> => made.as(secretNameOf('test', role), (client) => client.query(statement));

  it.each([
    ['trader', "INSERT INTO positions VALUES ('alpha', 'BTC/USDT', 1, 1) ON CONFLICT (book) DO UPDATE SET epoch = 1"],
    // Of a table that came after the grants.
    ['trader', "INSERT INTO notes (text) VALUES ('a note')"],
    ['trader', 'SELECT name FROM migrations'],
    ['recovery', 'SELECT * FROM orders'],
    ['verifier', 'SELECT * FROM notes'],
    ['recovery', 'SELECT control.refuse_writes()'],
    ['recovery', 'SELECT control.end_sessions()'],
  ] as const)('%s may: %s', async (role, statement) => {
    await as(role, statement);
    if (statement.includes('refuse_writes')) {
      const closed = await made.as(trader, isWritten);
      await made.as(secretNameOf('test', 'recovery'), async (client) => {
        await client.query('SET default_transaction_read_only = off');
        await client.query('SELECT control.take_writes()');
      });
      expect([closed, await made.as(trader, isWritten)]).toEqual([false, true]);
    }
  });

  it.each([
    ['trader', 'CREATE TABLE own (id int)'],
    ['trader', 'DELETE FROM orders'],
    ['trader', "UPDATE migrations SET name = 'another'"],
    ['trader', 'SELECT control.refuse_writes()'],
    ['trader', 'SELECT control.end_sessions()'],
    ['trader', "ALTER ROLE trader_b PASSWORD 'mine'"],
    ['recovery', "INSERT INTO notes (text) VALUES ('no')"],
    ['verifier', "INSERT INTO notes (text) VALUES ('no')"],
    ['verifier', 'SELECT control.refuse_writes()'],
    ['verifier', 'ALTER DATABASE baton SET default_transaction_read_only = on'],
  ] as const)('%s may not: %s', async (role, statement) => {
    await expect(as(role, statement)).rejects.toMatchObject({ code: '42501' });
  });
});
