/** The logins of the database: of its roles, whose two users take turns, and of the master, which is one user. */
import { Client, type ClientBase } from 'pg';
import type { DatabaseLogin } from '../database-client.ts';
import { Secret } from '../secret.ts';
import { CredentialRefusedError, DatabaseNotWrittenError } from './errors.ts';
import { ensureRoles, otherUser, usersOf, type RoleName } from './roles.ts';
import type { Credential } from './rotation.ts';
import { scramVerifier } from './scram.ts';

export interface Database {
  /** Connects as the master, with whichever of its logins is accepted, uses the connection and closes it. */
  asMaster<Answer>(use: (client: ClientBase) => Promise<Answer>): Promise<Answer>;
  /** The same with this login; undefined when the database refuses it. */
  as<Answer>(login: DatabaseLogin, use: (client: ClientBase) => Promise<Answer>): Promise<Answer | undefined>;
  /** 40 letters and digits. */
  newPassword(): string;
  /** 16 random bytes. */
  newSalt(): Buffer;
}

/** As their secrets hold them. */
interface StoredLoginText {
  readonly username: string;
  readonly password: string;
}

export function loginIn(secret: Secret): DatabaseLogin {
  const { username, password } = JSON.parse(secret.reveal()) as Partial<StoredLoginText>;
  if (typeof username !== 'string' || typeof password !== 'string') throw new Error('a login has a username and a password, as texts: its secret has not');
  return { username: new Secret(username), password: new Secret(password) };
}
const secretOf = (login: StoredLoginText): Secret => new Secret(JSON.stringify(login));

/** Whoever is connected, and whoever connects with what is current, goes on: the other user gets the new password. */
export class RoleCredential implements Credential {
  readonly #database: Database;
  readonly #role: RoleName;

  constructor(database: Database, role: RoleName) {
    this.#database = database;
    this.#role = role;
  }

  next(current: Secret): Secret {
    return secretOf({ username: otherUser(this.#role, loginIn(current).username.reveal()), password: this.#database.newPassword() });
  }

  async set(pending: Secret, current: Secret): Promise<void> {
    const { username } = loginIn(pending);
    if (username.reveal() === loginIn(current).username.reveal()) throw new CredentialRefusedError(`${username.reveal()} is in use: only the other user of ${this.#role} may get a new password`);
    await this.give(pending);
  }

  /** The password becomes the user's, whichever it was before. */
  async give(login: Secret): Promise<void> {
    const { username, password } = loginIn(login);
    if (!usersOf(this.#role).includes(username.reveal())) throw new CredentialRefusedError(`${username.reveal()} is no user of the role ${this.#role}`);
    await this.#database.asMaster(async (client) => {
      await checkWritten(client);
      await ensureRoles(client);
      await setPassword(client, this.#database, { username, password });
    });
  }

  async test(pending: Secret): Promise<void> {
    const login = loginIn(pending);
    const has = await this.#database.as(login, async (client) => {
      const { rows } = await client.query<{ has: boolean }>("SELECT pg_has_role(current_user, $1, 'USAGE') AS has", [this.#role]);
      return rows[0]?.has === true;
    });
    if (has !== true) {
      throw new CredentialRefusedError(has === undefined ? `the database refuses ${login.username.reveal()}` : `${login.username.reveal()} may not do what ${this.#role} may`);
    }
  }
}

/** One user: between the change and the promotion the pending version is the valid one, and whoever logs in as the master tries it too. */
export class MasterCredential implements Credential {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  next(current: Secret): Secret {
    return secretOf({ username: loginIn(current).username.reveal(), password: this.#database.newPassword() });
  }

  async set(pending: Secret): Promise<void> {
    const login = loginIn(pending);
    if ((await this.#database.as(login, async () => true)) === true) return;
    await this.#database.asMaster(async (client) => {
      await checkWritten(client);
      await setPassword(client, this.#database, login);
    });
  }

  async test(pending: Secret): Promise<void> {
    const accepted = await this.#database.as(loginIn(pending), async () => true);
    if (accepted !== true) throw new CredentialRefusedError('the database refuses the new password of its master');
  }
}

/** Nothing is changed where it is not for ever: a replica, and a database that was closed, say no anyway, and this says why. */
export async function checkWritten(client: ClientBase): Promise<void> {
  if (!(await isWritten(client))) throw new DatabaseNotWrittenError();
}

export async function isWritten(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ written: boolean }>(
    "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean AS written",
  );
  return rows[0]?.written === true;
}

async function setPassword(client: ClientBase, database: Database, { username, password }: DatabaseLogin): Promise<void> {
  const { escapeIdentifier, escapeLiteral } = Client.prototype;
  const verifier = scramVerifier(password.reveal(), database.newSalt());
  await client.query(`ALTER ROLE ${escapeIdentifier(username.reveal())} PASSWORD ${escapeLiteral(verifier)}`);
}
