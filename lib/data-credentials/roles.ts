/**
 * Who may log in to the ledger's database, and what for. Each role has two users that take turns: a rotation gives a new password to the one that is
 * not in use, so the one that is goes on to work until the next rotation, and no connection breaks. What a role may do is granted to the role, whose users
 * inherit it. The master owns the database and its tables; only the rotation and the migrations log in as that.
 */
import type { ClientBase } from 'pg';

export interface DatabaseRole {
  readonly purpose: string;
  /** On every table of the ledger, those that later migrations make included. */
  readonly tables: readonly ('SELECT' | 'INSERT' | 'UPDATE')[];
  /** Whether it may close the database to writes, and open it again. */
  readonly closes: boolean;
  /** Whether it may keep a watermark, and nothing else of its own. */
  readonly counts: boolean;
}

export type RoleName = 'trader' | 'recovery' | 'verifier';

export const databaseRoles: Readonly<Record<RoleName, DatabaseRole>> = {
  trader: { purpose: 'Trading tasks write the ledger', tables: ['SELECT', 'INSERT', 'UPDATE'], closes: false, counts: false },
  recovery: { purpose: 'Moves between Regions ask and close the database', tables: ['SELECT'], closes: true, counts: false },
  verifier: { purpose: 'The ledger is counted before each backup', tables: ['SELECT'], closes: false, counts: true },
};
export const roleNames = Object.keys(databaseRoles) as readonly RoleName[];

/** As policies and clients name the secret of a role, in both Regions. */
export function secretNameOf(environment: string, role: RoleName): string {
  return `baton-${environment}/database/${role}`;
}
export function masterSecretName(environment: string): string {
  return `baton-${environment}/database`;
}
/** The master's and those of the roles: all that both Regions have. */
export function databaseSecretNames(environment: string): readonly string[] {
  return [masterSecretName(environment), ...roleNames.map((role) => secretNameOf(environment, role))];
}
/** Of each Region its own, by one name. */
export function cacheSecretName(environment: string): string {
  return `baton-${environment}/cache`;
}

export function usersOf(role: RoleName): readonly [string, string] {
  return [`${role}_a`, `${role}_b`];
}

/** The one whose turn is next. */
export function otherUser(role: RoleName, user: string): string {
  const [one, other] = usersOf(role);
  return user === one ? other : one;
}

/** Any number; whoever ensures the roles at the same time waits. */
const advisoryLock = 7_235_801;

/**
 * Makes what is missing, as the master; users that it makes cannot log in until they have a password. What is there stays, but for grants, which are given
 * again: tables may have come since.
 */
export async function ensureRoles(client: ClientBase): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [advisoryLock]);
    await client.query(functionsThatAct);
    for (const name of roleNames) await client.query(grantsOf(name));
    // How far the schema is, only migrations say.
    await client.query("DO $$ BEGIN IF to_regclass('public.migrations') IS NOT NULL THEN REVOKE INSERT, UPDATE ON public.migrations FROM trader; END IF; END $$");
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function grantsOf(name: RoleName): string {
  const { tables, closes, counts } = databaseRoles[name];
  const privileges = tables.join(', ');
  const sequences = tables.includes('INSERT') ? 'USAGE, SELECT' : 'SELECT';
  return [
    made(name, `CREATE ROLE ${name} NOLOGIN`),
    ...usersOf(name).map((user) => made(user, `CREATE ROLE ${user} LOGIN IN ROLE ${name}`)),
    `GRANT ${privileges} ON ALL TABLES IN SCHEMA public TO ${name}`,
    `GRANT ${sequences} ON ALL SEQUENCES IN SCHEMA public TO ${name}`,
    // Of what the master makes from now on.
    `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ${privileges} ON TABLES TO ${name}`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ${sequences} ON SEQUENCES TO ${name}`,
    ...(counts ? [`GRANT USAGE ON SCHEMA control TO ${name}`, `GRANT EXECUTE ON FUNCTION control.keep_watermark TO ${name}`] : []),
    ...(closes ? [`GRANT USAGE ON SCHEMA control TO ${name}`, `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA control TO ${name}`] : []),
  ].join(';\n');
}

function made(role: string, statement: string): string {
  return `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN ${statement}; END IF; END $$`;
}

/**
 * Only its owner may change a database, so these act as the owner, for those who may call them; and whoever counts the ledger writes nothing else in it. The
 * watermarks that no backup has any more go with the next one.
 */
const functionsThatAct = `
  CREATE SCHEMA IF NOT EXISTS control;
  CREATE OR REPLACE FUNCTION control.refuse_writes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
  END $$;
  CREATE OR REPLACE FUNCTION control.take_writes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database());
  END $$;
  CREATE OR REPLACE FUNCTION control.end_sessions() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*)::int FROM (
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND usename <> 'rdsadmin'
    ) AS sessions
  $$;
  CREATE OR REPLACE FUNCTION control.keep_watermark(id uuid, made_at timestamptz, content jsonb) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    DELETE FROM public.watermarks WHERE watermarks.made_at < now() - interval '40 days';
    INSERT INTO public.watermarks VALUES (keep_watermark.id, keep_watermark.made_at, keep_watermark.content);
  END $$;
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA control FROM PUBLIC;`;
