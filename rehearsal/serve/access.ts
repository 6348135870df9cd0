/** How to look into a rehearsal that stays up: what to paste into a shell for the AWS CLI, psql and redis-cli. */
import type { Installation } from '../installation.ts';

export interface Access {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of the authority that issued the certificates of PostgreSQL and Redis. */
  readonly caFile: string;
  readonly database: { readonly host: string; readonly port: number; readonly name: string; readonly user: string; readonly password: string };
  readonly cache: { readonly host: string; readonly port: number; readonly token: string };
  readonly cutoverMachineArn: string;
}

export const profile = 'baton-rehearsal';

export function accessTo(installation: Installation): Access {
  const { world, settings, databases, secrets, caFile, machineArn } = installation;
  const region = settings.regions.home.name;
  const [database] = databases.running(region).values();
  const [cache] = installation.caches.servers(region).values();
  if (database === undefined || cache === undefined) throw new Error(`the deployment made no database or no cache in ${region}`);
  const secret = (name: string): string => {
    const value = secrets.get(name);
    if (value === undefined) throw new Error(`the installation has no secret called '${name}'`);
    return value;
  };
  return {
    endpoint: world.endpoint,
    region,
    ...world.operator.credentials,
    caFile,
    database: { host: database.endpoint.host, port: database.endpoint.port, name: 'baton', user: 'baton', password: secret('database password') },
    cache: { host: cache.host, port: cache.port, token: secret('cache token') },
    cutoverMachineArn: machineArn('cutover'),
  };
}

/** By what they are for. Each is a line of a POSIX shell. */
export function shellLines(access: Access): Readonly<Record<'environment' | 'profile' | 'psql' | 'redis' | 'look', readonly string[]>> {
  const { endpoint, region, accessKeyId, secretAccessKey, caFile, database, cache } = access;
  return {
    environment: [
      `export AWS_ENDPOINT_URL=${quoted(endpoint)} AWS_REGION=${region} AWS_DEFAULT_REGION=${region}`,
      `export AWS_ACCESS_KEY_ID=${quoted(accessKeyId)} AWS_SECRET_ACCESS_KEY=${quoted(secretAccessKey)}`,
    ],
    profile: [
      `[profile ${profile}]`,
      `region = ${region}`,
      `endpoint_url = ${endpoint}`,
      `aws_access_key_id = ${accessKeyId}`,
      `aws_secret_access_key = ${secretAccessKey}`,
    ],
    psql: [
      `PGPASSWORD=${quoted(database.password)} psql ${quoted(
        `host=${database.host} port=${database.port} dbname=${database.name} user=${database.user} sslmode=verify-full sslrootcert=${caFile}`,
      )}`,
    ],
    redis: [`REDISCLI_AUTH=${quoted(cache.token)} redis-cli -h ${cache.host} -p ${cache.port} --tls --cacert ${quoted(caFile)}`],
    look: [`aws stepfunctions list-executions --state-machine-arn ${access.cutoverMachineArn}`],
  };
}

/** What a person sees when everything is up; on the page the secrets are left to the terminal. */
export function describeAccess(access: Access, secrets: 'shown' | 'hidden'): string {
  const hidden = 'see-the-terminal';
  const { database, cache } = access;
  const lines = shellLines(
    secrets === 'shown' ? access : { ...access, secretAccessKey: hidden, database: { ...database, password: hidden }, cache: { ...cache, token: hidden } },
  );
  const block = (title: string, body: readonly string[]): string => [title, ...body.map((line) => `    ${line}`)].join('\n');
  return [
    block('Open in a browser', [`${access.endpoint}/`]),
    block('AWS CLI and SDKs: the account of the rehearsal', lines.environment),
    block(`The same as a profile for ~/.aws/config (releases from the middle of 2023 on), used with --profile ${profile}`, lines.profile),
    block('Earlier releases, and `aws rds` of version 1, want it with each command', [`aws --endpoint-url ${access.endpoint} rds describe-db-instances`]),
    block('PostgreSQL', lines.psql),
    block('Redis', lines.redis),
    block('Look at what runs', lines.look),
  ].join('\n\n');
}

/** One word of a POSIX shell, whatever is in it. */
function quoted(text: string): string {
  return /^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
