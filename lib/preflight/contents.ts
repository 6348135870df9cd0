/** What stands in the stacks: tables with their Regions, secrets with their values, images, and who is told. */
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { DescribeImagesCommand } from '@aws-sdk/client-ecr';
import { DescribeServicesCommand } from '@aws-sdk/client-ecs';
import { DescribeReplicationGroupsCommand } from '@aws-sdk/client-elasticache';
import { DescribeSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { ListSubscriptionsByTopicCommand } from '@aws-sdk/client-sns';
import { GetParametersCommand } from '@aws-sdk/client-ssm';
import { databaseSecretNames } from '../data-credentials/roles.ts';
import type { Settings } from '../settings/index.ts';
import { type Check, couldNot, failed, type Finding, ok, unlessMissing } from './check.ts';
import type { Clients } from './clients.ts';
import { notYet } from './stacks.ts';

/** The digests that the next cutover is to start, where they are known. */
export type Images = Readonly<Partial<Record<'trader' | 'guard', string>>>;

export function contentChecks(settings: Settings, home: Clients, standby: Clients, images: Images): readonly Check[] {
  const { environment, books } = settings;
  const prefix = `baton-${environment}`;
  return [
    ...['lease', 'journal'].map((table) => tableCheck(`${prefix}-${table}`, settings, home)),
    ...books.map((book): Check => ({
      area: 'secrets',
      name: `The exchange key of ${book.name} was put in`,
      run: () => venueSecret(home, `${prefix}/${book.name}/venue`, ['apiKey', 'secret']),
    })),
    ...books.map((book): Check => ({
      area: 'secrets',
      name: `The key that makes the exchange keys of ${book.name} was put in`,
      run: () => venueSecret(home, `${prefix}/${book.name}/venue-management`, ['apiKey', 'secret', 'subAccount']),
    })),
    ...[home, standby].map((at) => addressesCheck(settings, at)),
    ...[...databaseSecretNames(environment), ...books.flatMap(({ name }) => [`${prefix}/${name}/venue`, `${prefix}/${name}/venue-management`])].map((name) => replicaCheck(name, home, standby)),
    ...(['trader', 'guard'] as const).map((name) => imageCheck(`${prefix}/${name}`, name, images[name], [home, standby])),
    ...[home, standby].flatMap((at) => regionalChecks(settings, at)),
  ];
}

/** What each Region has for itself. */
function regionalChecks(settings: Settings, at: Clients): readonly Check[] {
  const { environment, books } = settings;
  const prefix = `baton-${environment}`;
  const { region } = at;
  return [
    {
      area: 'cache',
      name: `Redis in ${region} is available, encrypted on the wire and fails over`,
      async run() {
        const asked = at.cache.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: prefix }));
        const group = (await unlessMissing(asked))?.ReplicationGroups?.[0];
        if (group === undefined) return notYet(`the cache ${prefix} in ${region}`);
        const { Status, TransitEncryptionEnabled: isEncrypted, AutomaticFailover } = group;
        const seen = `${Status}, TLS ${isEncrypted === true ? 'on' : 'off'}, failover ${AutomaticFailover}`;
        const isSound = Status === 'available' && isEncrypted === true && AutomaticFailover === 'enabled';
        return isSound ? ok(seen) : failed(seen, 'Wait until it is available; what else differs was changed by hand: deploy again.');
      },
    },
    ...books.map((book): Check => ({
      area: 'service',
      name: `The service of ${book.name} in ${region} takes what runs from the machines alone`,
      async run() {
        const asked = at.containers.send(new DescribeServicesCommand({ cluster: prefix, services: [`${prefix}-${book.name}`] }));
        const service = (await unlessMissing(asked))?.services?.[0];
        if (service === undefined) return notYet(`the service ${prefix}-${book.name} in ${region}`);
        const controller = service.deploymentController?.type ?? 'ECS';
        const seen = `${service.status}, controller ${controller}, ${service.taskSets?.length ?? 0} task sets`;
        if (service.status === 'ACTIVE' && controller === 'EXTERNAL') return ok(seen);
        return failed(seen, 'Somebody made it anew by hand: delete that service and deploy again.');
      },
    })),
    subscribersCheck(settings, at, `${prefix}-notices`, `Somebody is told by ${region}`),
  ];
}

/** @param who hears of what, as the beginning of a sentence */
export function subscribersCheck({ account, notifications }: Settings, { region, notices }: Clients, topic: string, who: string): Check {
  return {
    area: 'notices',
    name: `${who}: every address has confirmed its subscription`,
    async run() {
      const answer = await unlessMissing(notices.send(new ListSubscriptionsByTopicCommand({ TopicArn: `arn:aws:sns:${region}:${account}:${topic}` })));
      if (answer === undefined) return notYet(`the topic ${topic} in ${region}`);
      const { Subscriptions = [] } = answer;
      const confirmed = Subscriptions.filter(({ SubscriptionArn = '' }) => SubscriptionArn.startsWith('arn:')).map(({ Endpoint }) => Endpoint);
      const waiting = notifications.emails.filter((email) => !confirmed.includes(email));
      if (waiting.length > 0) return failed(`not confirmed: ${waiting.join(', ')}`, 'Follow the link in the mail that AWS sent there.');
      if (confirmed.length > 0) return ok(confirmed.join(', '));
      return couldNot('no address in the settings, no subscription at the topic', "Name people in 'notifications.emails', or subscribe a pager.");
    },
  };
}

/** By their versions: nobody needs to see a value for that. */
function replicaCheck(name: string, home: Clients, standby: Clients): Check {
  const current = async ({ secrets }: Clients): Promise<string | undefined> => {
    const described = await unlessMissing(secrets.send(new DescribeSecretCommand({ SecretId: name })));
    return Object.entries(described?.VersionIdsToStages ?? {}).find(([, stages]) => stages.includes('AWSCURRENT'))?.[0];
  };
  return {
    area: 'secrets',
    name: `${name} is the same in ${standby.region}`,
    async run() {
      const [here, there] = await Promise.all([current(home), current(standby)]);
      if (here === undefined) return notYet(`the secret ${name}`);
      if (here === there) return ok(`version ${here} in both`);
      return failed(
        `version ${here} in ${home.region}, ${there ?? 'none'} in ${standby.region}`,
        `aws secretsmanager describe-secret --region ${home.region} --secret-id ${name} says why; a failover would end at a refused login.`,
      );
    },
  };
}

function tableCheck(name: string, { regions }: Settings, { tables }: Clients): Check {
  return {
    area: 'tables',
    name: `${name} is strongly consistent in ${regions.home.name} and ${regions.standby.name}, witnessed by ${regions.witness.name}`,
    async run() {
      const table = (await unlessMissing(tables.send(new DescribeTableCommand({ TableName: name }))))?.Table;
      if (table === undefined) return notYet(`the table ${name}`);
      const replicas = (table.Replicas ?? []).map(({ RegionName, ReplicaStatus }) => `${RegionName} ${ReplicaStatus}`);
      const witnesses = (table.GlobalTableWitnesses ?? []).map(({ RegionName, WitnessStatus }) => `${RegionName} ${WitnessStatus}`);
      const isIn = (list: readonly string[], region: string): boolean => list.includes(`${region} ACTIVE`);
      const seen =
        `${table.TableStatus}, ${table.MultiRegionConsistency ?? 'EVENTUAL'}, replicas ${replicas.join(', ') || 'none'}, ` +
        `witness ${witnesses.join(', ') || 'none'}, deletion protection ${table.DeletionProtectionEnabled === true ? 'on' : 'off'}`;
      // A table may leave its own Region out of its list of replicas: that one is what answers.
      const isSound =
        table.TableStatus === 'ACTIVE' && table.MultiRegionConsistency === 'STRONG' && isIn(replicas, regions.standby.name) &&
        isIn(witnesses, regions.witness.name) && table.DeletionProtectionEnabled === true;
      if (isSound) return ok(seen);
      return failed(seen, 'Let nothing trade. Only an empty table becomes strongly consistent: make it anew (docs/deploy.md).');
    },
  };
}

/** Keys are bound to the addresses of both Regions: of the other's, each keeps a copy. */
function addressesCheck({ environment, regions }: Settings, { parameters, region }: Clients): Check {
  return {
    area: 'network',
    name: `${region} knows the addresses of both Regions, to which new exchange keys are bound`,
    async run() {
      const Names = [regions.first, regions.second].map(({ name }) => `/baton/${environment}/venue-addresses/${name}`);
      const { Parameters = [] } = await parameters.send(new GetParametersCommand({ Names }));
      const missing = Names.filter((name) => !Parameters.some(({ Name }) => Name === name));
      if (missing.length === 0) return ok(Parameters.map(({ Value }) => Value).join(','));
      return couldNot(`no ${missing.join(' and no ')}`, 'Deploy both Regions; the copy comes with the next hour: aws lambda invoke of the key-watch brings it at once.');
    },
  };
}

/** The value is looked at and let go of: nothing of it is in the finding. */
async function venueSecret({ secrets }: Clients, name: string, fields: readonly string[]): Promise<Finding> {
  const answer = await unlessMissing(secrets.send(new GetSecretValueCommand({ SecretId: name })));
  if (answer === undefined) return notYet(`the secret ${name}`);
  const example = JSON.stringify(Object.fromEntries(fields.map((field) => [field, '…'])));
  const todo = `aws secretsmanager put-secret-value --secret-id ${name} --secret-string file:///dev/stdin, with ${example}`;
  const value = objectIn(answer.SecretString);
  if (value === undefined) return failed('its value is no JSON', todo);
  if (value['apiKey'] === 'not-yet-set') return failed('still the placeholder of the deployment', todo);
  const missing = fields.filter((field) => typeof value[field] !== 'string' || value[field] === '');
  if (missing.length > 0) return failed(`its value has no ${missing.join(' and no ')}`, todo);
  return ok(`${fields.join(', ')} are there`);
}

/** Undefined where it is none, and where nobody put one. */
export function objectIn(secret: string | undefined): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(secret ?? '') as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function imageCheck(repositoryName: string, name: string, digest: string | undefined, regions: readonly Clients[]): Check {
  return {
    area: 'images',
    name: `The ${name}'s image for the cutover is in ${repositoryName} of both Regions`,
    async run() {
      if (digest === undefined) return couldNot('no digest was given', `Give --${name} sha256:… as npm run images printed it.`);
      const found = await Promise.all(regions.map(async ({ images, region }) => {
        const asked = images.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageDigest: digest }] }));
        return { region, image: (await unlessMissing(asked))?.imageDetails?.[0] };
      }));
      const missing = found.filter(({ image }) => image === undefined).map(({ region }) => region);
      if (missing.length === regions.length) return failed(`no image ${digest}`, 'Push it: npm run images -- --env <environment>.');
      if (missing.length > 0) return failed(`no image ${digest} in ${missing.join(', ')}`, 'Wait: images are replicated within minutes. Then push it again.');
      return ok(`${digest.slice(0, 19)}…, pushed ${found[0]?.image?.imagePushedAt?.toISOString() ?? 'at an unknown time'}`);
    },
  };
}
