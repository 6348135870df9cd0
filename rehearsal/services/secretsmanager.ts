/**
 * Secrets Manager: secrets by name and Region with staged versions, their replicas in other Regions, their rotation by a function,
 * and the passwords that it makes.
 */
import { AwsError, type OperationHandler, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf } from './pages.ts';
import { Rotations, type RotationRules } from './secretsmanager-rotation.ts';

export interface SecretsManagerModel extends ServiceModel {
  /** Every value that any version of any secret ever had, for whoever looks where they were seen. */
  readonly everHeld: readonly { readonly name: string; readonly secretString: string }[];
  /** Rotates every secret whose rotation is due by then, as its schedule would; answers their ARNs. Nothing rotates by itself here. */
  rotateDue(region: string, by: Date): readonly string[];
}
export interface Version {
  readonly id: string;
  /** Undefined: a rotation has begun it, and nothing was put into it yet. */
  secretString: string | undefined;
  readonly createdAt: Date;
  stages: string[];
}
export interface Secret {
  readonly arn: string;
  readonly name: string;
  readonly region: string;
  readonly description: string | undefined;
  readonly kmsKeyId: string | undefined;
  readonly createdAt: Date;
  changedAt: Date;
  versions: Version[];
  tags: readonly Tag[];
  rotation?: {
    readonly lambdaArn: string;
    readonly rules: RotationRules;
    readonly enabled: boolean;
    /** When the schedule began to count. */
    readonly since: Date;
  };
  rotatedAt?: Date;
  /** Of a replica. */
  primaryRegion?: string;
  /** Of a primary. */
  replicas: ReplicaStatus[];
}
/** As `ReplicationStatus` shows it. */
interface ReplicaStatus {
  readonly Region: string;
  readonly KmsKeyId: string | undefined;
  readonly Status: 'InSync' | 'InProgress' | 'Failed';
  readonly StatusMessage?: string;
}
interface Tag {
  readonly Key: string;
  readonly Value?: string;
}
interface ReplicaRegion {
  readonly Region: string;
  readonly KmsKeyId?: string;
}
interface GenerateSecretString {
  readonly PasswordLength?: number;
  readonly ExcludeCharacters?: string;
  readonly ExcludeLowercase?: boolean;
  readonly ExcludeUppercase?: boolean;
  readonly ExcludeNumbers?: boolean;
  readonly ExcludePunctuation?: boolean;
  readonly IncludeSpace?: boolean;
  readonly RequireEachIncludedType?: boolean;
  readonly SecretStringTemplate?: string;
  readonly GenerateStringKey?: string;
}
interface RotateInput {
  readonly SecretId: string;
  readonly ClientRequestToken?: string;
  readonly RotationLambdaARN?: string;
  readonly RotationRules?: RotationRules;
  readonly RotateImmediately?: boolean;
}
interface ListInput {
  readonly Filters?: ReadonlyArray<{ readonly Key?: string; readonly Values?: readonly string[] }>;
  readonly MaxResults?: number;
  readonly NextToken?: string;
}
const listMax = 100;
const passwordLength = 32;
const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

export function secretsmanager(world: World): SecretsManagerModel {
  const secrets: Secret[] = [];
  const rotations = new Rotations(world, { propagate });
  const everHeld: { name: string; secretString: string }[] = [];

  function secretOf(id: string, region: string): Secret {
    const found = secrets.find((secret) => secret.region === region && [secret.name, secret.arn, secret.arn.slice(0, -7)].includes(id));
    if (!found) throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    return found;
  }

  /** Gives the stages to one version; a stage is on one version only, and what AWSCURRENT left becomes AWSPREVIOUS. */
  function stage(secret: Secret, version: Version, stages: readonly string[]): void {
    const current = secret.versions.find((other) => other !== version && other.stages.includes('AWSCURRENT'));
    const moved = stages.includes('AWSCURRENT') ? [...stages, 'AWSPREVIOUS'] : stages;
    for (const other of secret.versions) other.stages = other.stages.filter((name) => !moved.includes(name));
    version.stages = [...new Set([...version.stages, ...stages])];
    if (current && stages.includes('AWSCURRENT')) current.stages = [...current.stages, 'AWSPREVIOUS'];
  }

  /** What a replica may not do; its primary's Region is where it is done. */
  function primaryOf(id: string, region: string): Secret {
    const secret = secretOf(id, region);
    if (secret.primaryRegion === undefined) return secret;
    throw new AwsError('InvalidRequestException', "Operation not permitted on a replica secret. Call must be made in primary secret's region.");
  }

  const replicaIn = ({ name }: Secret, region: string): Secret | undefined => secrets.find((each) => each.region === region && each.name === name);

  /** The replicas get what the primary has. */
  function propagate(secret: Secret): void {
    for (const { Region, Status } of secret.replicas) {
      const replica = Status === 'Failed' ? undefined : replicaIn(secret, Region);
      if (replica?.primaryRegion === secret.region) replica.versions = secret.versions.map((version) => ({ ...version, stages: [...version.stages] }));
    }
  }

  /** Replication goes on after the call: what stands in its way is told by its status. */
  async function replicate(secret: Secret, { Region, KmsKeyId }: ReplicaRegion, overwrite: boolean): Promise<void> {
    const failed = (StatusMessage: string): void => {
      world.log(`the secret ${secret.name} was not replicated to ${Region}`, { reason: StatusMessage });
      secret.replicas = [...secret.replicas.filter((each) => each.Region !== Region), { Region, KmsKeyId, Status: 'Failed', StatusMessage }];
    };
    const there = replicaIn(secret, Region);
    if (there !== undefined && there.primaryRegion !== secret.region && !overwrite) {
      return failed(`Replication failed: Secret name ${secret.name} already exists in ${Region}.`);
    }
    let kmsKeyId: string | undefined;
    try {
      kmsKeyId = KmsKeyId === undefined ? undefined : await keyArn(KmsKeyId, Region);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return failed(`Replication failed: ${error.message}`);
    }
    if (there !== undefined) secrets.splice(secrets.indexOf(there), 1);
    const { name, description, arn } = secret;
    secrets.push({
      name, description, kmsKeyId, region: Region, arn: arn.replace(`:${secret.region}:`, `:${Region}:`),
      createdAt: world.now(), changedAt: world.now(), versions: [], tags: secret.tags, primaryRegion: secret.region, replicas: [],
    });
    secret.replicas = [...secret.replicas.filter((each) => each.Region !== Region), { Region, KmsKeyId, Status: 'InSync' }];
    propagate(secret);
  }

  async function keyArn(keyId: string, region: string): Promise<string> {
    const caller = { accessKeyId: 'secretsmanager.amazonaws.com' };
    const answer = (await world.call({ service: 'kms', operation: 'DescribeKey', region, caller, input: { KeyId: keyId } })) as { KeyMetadata: { Arn: string } };
    return answer.KeyMetadata.Arn;
  }

  function put(secret: Secret, secretString: string, id: string, stages: readonly string[]): Version {
    const begun = secret.versions.find((version) => version.id === id);
    const version: Version = begun ?? { id, secretString, createdAt: world.now(), stages: [] };
    version.secretString = secretString;
    everHeld.push({ name: secret.name, secretString });
    if (begun === undefined) secret.versions = [...secret.versions, version];
    stage(secret, version, stages);
    changed(secret);
    return version;
  }

  function changed(secret: Secret): void {
    secret.versions = secret.versions.filter(({ stages: left }) => left.length > 0);
    secret.changedAt = world.now();
    propagate(secret);
  }

  const putSecretValue: OperationHandler = (
    input: { SecretId: string; SecretString?: string; ClientRequestToken?: string; VersionStages?: string[] },
    { region },
  ) => {
    const secret = primaryOf(input.SecretId, region);
    if (input.SecretString === undefined)
      throw new AwsError('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
    const id = input.ClientRequestToken ?? world.uniqueId(32);
    const repeated = secret.versions.find((version) => version.id === id && version.secretString !== undefined);
    if (repeated && repeated.secretString !== input.SecretString) {
      throw new AwsError(
        'ResourceExistsException',
        `You can't use ClientRequestToken ${id} because that value is already in use for a version of secret ${secret.arn}.`,
      );
    }
    const version = repeated ?? put(secret, input.SecretString, id, input.VersionStages ?? ['AWSCURRENT']);
    return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: version.stages };
  };

  /** A stage goes from one version to another, and whoever moves it must know where it was. */
  const updateSecretVersionStage: OperationHandler = (
    { SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId }: { SecretId: string; VersionStage: string; MoveToVersionId?: string; RemoveFromVersionId?: string },
    { region },
  ) => {
    const secret = primaryOf(SecretId, region);
    const versionOf = (id: string): Version => {
      const found = secret.versions.find((version) => version.id === id);
      if (found === undefined) throw new AwsError('ResourceNotFoundException', `Secrets Manager can't find the specified secret value for VersionId: ${id}`);
      return found;
    };
    const from = secret.versions.find(({ stages }) => stages.includes(VersionStage));
    const to = MoveToVersionId === undefined ? undefined : versionOf(MoveToVersionId);
    if (from !== undefined && from !== to && RemoveFromVersionId !== from.id) {
      throw new AwsError(
        'InvalidParameterException',
        `The parameter RemoveFromVersionId ${RemoveFromVersionId === undefined ? "can't be empty" : 'is wrong'}. Staging label ${VersionStage} is currently attached to version ${from.id}, so you must explicitly reference that version in RemoveFromVersionId.`,
      );
    }
    if (RemoveFromVersionId !== undefined && !versionOf(RemoveFromVersionId).stages.includes(VersionStage)) {
      throw new AwsError('InvalidParameterException', `The staging label ${VersionStage} isn't attached to version ${RemoveFromVersionId}.`);
    }
    if (to === undefined && VersionStage === 'AWSCURRENT') {
      throw new AwsError('InvalidParameterException', "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.");
    }
    if (to === undefined) {
      if (from !== undefined) from.stages = from.stages.filter((name) => name !== VersionStage);
    } else {
      stage(secret, to, [VersionStage]);
    }
    changed(secret);
    return { ARN: secret.arn, Name: secret.name };
  };

  function tag(secret: Secret, tags: readonly Tag[]): void {
    secret.tags = tags;
    for (const { Region } of secret.replicas) {
      const replica = replicaIn(secret, Region);
      if (replica?.primaryRegion === secret.region) replica.tags = tags;
    }
  }

  const uuid = (): string => world.uniqueId(32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

  return {
    service: 'secretsmanager',
    everHeld,
    rotateDue(region, by) {
      const due = secrets.filter((secret) => secret.region === region && secret.rotation?.enabled === true && (rotations.nextDate(secret) ?? Infinity) <= by);
      return due.flatMap((secret) => {
        const token = uuid();
        // A rotation that is not over stands in the way of the next one, whoever asks for it.
        if (rotations.unfinished(secret) !== undefined) return [];
        rotations.start(secret, token);
        return [secret.arn];
      });
    },
    close: () => rotations.close(),
    operations: {
      GetSecretValue: (input: { SecretId: string; VersionId?: string; VersionStage?: string }, { region }) => {
        const secret = secretOf(input.SecretId, region);
        const wantedStage = input.VersionStage ?? (input.VersionId === undefined ? 'AWSCURRENT' : undefined);
        const version = secret.versions.find(
          ({ id, stages }) =>
            (input.VersionId === undefined || id === input.VersionId) && (wantedStage === undefined || stages.includes(wantedStage)),
        );
        if (version?.secretString === undefined) {
          const what = input.VersionId === undefined ? `staging label: ${wantedStage}` : `VersionId: ${input.VersionId}`;
          throw new AwsError('ResourceNotFoundException', `Secrets Manager can't find the specified secret value for ${what}`);
        }
        return {
          ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: version.stages,
          SecretString: version.secretString, CreatedDate: version.createdAt,
        };
      },
      PutSecretValue: putSecretValue,
      UpdateSecretVersionStage: updateSecretVersionStage,
      RotateSecret: (input: RotateInput, call) => {
        const secret = primaryOf(input.SecretId, call.region);
        const token = input.ClientRequestToken ?? uuid();
        const { RotationLambdaARN: lambdaArn = secret.rotation?.lambdaArn, RotationRules: rules = secret.rotation?.rules } = input;
        rotations.check(secret, token, { lambdaArn, rules, call });
        secret.rotation = { lambdaArn: lambdaArn ?? '', rules: rules ?? {}, enabled: true, since: world.now() };
        if (input.RotateImmediately === false) rotations.test(secret, token);
        else rotations.start(secret, token);
        return { ARN: secret.arn, Name: secret.name, VersionId: token };
      },
      CancelRotateSecret: ({ SecretId }: { SecretId: string }, { region }) => {
        const secret = primaryOf(SecretId, region);
        const VersionId = rotations.cancel(secret);
        if (secret.rotation !== undefined) secret.rotation = { ...secret.rotation, enabled: false };
        return { ARN: secret.arn, Name: secret.name, VersionId };
      },
      GetRandomPassword: (input: GenerateSecretString) => ({ RandomPassword: generated(world, input) }),
      TagResource: ({ SecretId, Tags }: { SecretId: string; Tags: readonly Tag[] }, { region }) => {
        const secret = primaryOf(SecretId, region);
        tag(secret, [...secret.tags.filter(({ Key }) => !Tags.some((other) => other.Key === Key)), ...Tags]);
        return {};
      },
      UntagResource: ({ SecretId, TagKeys }: { SecretId: string; TagKeys: readonly string[] }, { region }) => {
        const secret = primaryOf(SecretId, region);
        tag(secret, secret.tags.filter(({ Key }) => !TagKeys.includes(Key)));
        return {};
      },
      ReplicateSecretToRegions: async (
        input: { SecretId: string; AddReplicaRegions: readonly ReplicaRegion[]; ForceOverwriteReplicaSecret?: boolean },
        { region },
      ) => {
        const secret = primaryOf(input.SecretId, region);
        for (const wanted of input.AddReplicaRegions) {
          if (wanted.Region === region) throw new AwsError('InvalidParameterException', 'Invalid replica region: it is the Region of the primary.');
          await replicate(secret, wanted, input.ForceOverwriteReplicaSecret === true);
        }
        return { ARN: secret.arn, ReplicationStatus: secret.replicas };
      },
      /** A replica becomes a secret of its own, whatever became of its primary. */
      StopReplicationToReplica: ({ SecretId }: { SecretId: string }, { region }) => {
        const secret = secretOf(SecretId, region);
        const { primaryRegion } = secret;
        if (primaryRegion === undefined) throw new AwsError('InvalidRequestException', 'Operation not permitted on a primary secret: it is no replica.');
        delete secret.primaryRegion;
        const primary = replicaIn(secret, primaryRegion);
        if (primary !== undefined) primary.replicas = primary.replicas.filter(({ Region }) => Region !== region);
        return { ARN: secret.arn };
      },
      RemoveRegionsFromReplication: ({ SecretId, RemoveReplicaRegions }: { SecretId: string; RemoveReplicaRegions: readonly string[] }, { region }) => {
        const secret = primaryOf(SecretId, region);
        for (const removed of RemoveReplicaRegions) {
          const replica = replicaIn(secret, removed);
          if (replica?.primaryRegion === region) secrets.splice(secrets.indexOf(replica), 1);
        }
        secret.replicas = secret.replicas.filter(({ Region }) => !RemoveReplicaRegions.includes(Region));
        return { ARN: secret.arn, ReplicationStatus: secret.replicas };
      },
      DescribeSecret: ({ SecretId }: { SecretId: string }, { region }) => {
        const secret = secretOf(SecretId, region);
        return { ...described(secret, rotations), VersionIdsToStages: stagesOf(secret) };
      },
      ListSecrets: ({ Filters = [], MaxResults, NextToken }: ListInput, { region }) => {
        const foreign = Filters.find(({ Key }) => Key !== 'name');
        if (foreign) throw new AwsError('NotImplemented', `the filter '${foreign.Key ?? ''}' is not modelled; name is`, { fault: 'server' });
        const found = secrets.filter(
          (secret) => secret.region === region && Filters.every(({ Values = [] }) => Values.some((prefix) => secret.name.startsWith(prefix))),
        );
        const { elements, next } = pageOf(found, {
          token: NextToken, size: MaxResults, sizeMax: listMax, keyOf: ({ arn }) => arn, invalidToken: 'InvalidNextTokenException',
        });
        return { SecretList: elements.map((secret) => ({ ...described(secret, rotations), SecretVersionsToStages: stagesOf(secret) })), NextToken: next };
      },
      ListSecretVersionIds: ({ SecretId, MaxResults, NextToken }: ListInput & { SecretId: string }, { region }) => {
        const { arn, name, versions } = secretOf(SecretId, region);
        const { elements, next } = pageOf(versions, {
          token: NextToken, size: MaxResults, sizeMax: listMax, keyOf: ({ id }) => id, invalidToken: 'InvalidNextTokenException',
        });
        const shown = elements.map(({ id, stages, createdAt }) => ({ VersionId: id, VersionStages: stages, CreatedDate: createdAt }));
        return { ARN: arn, Name: name, Versions: shown, NextToken: next };
      },
    },
    resources: {
      'AWS::SecretsManager::Secret': async ({ properties, generatedName, region }) => {
        const name = String(properties['Name'] ?? generatedName);
        if (secrets.some((secret) => secret.name === name && secret.region === region)) {
          throw new AwsError('ResourceExistsException', `The operation failed because the secret ${name} already exists.`);
        }
        const secret: Secret = {
          arn: `arn:aws:secretsmanager:${region}:${world.accountId}:secret:${name}-${generatedName.slice(-6)}`,
          name,
          region,
          description: properties['Description'] as string | undefined,
          kmsKeyId: properties['KmsKeyId'] as string | undefined,
          createdAt: world.now(),
          changedAt: world.now(),
          versions: [],
          tags: (properties['Tags'] ?? []) as readonly Tag[],
          replicas: [],
        };
        secrets.push(secret);
        const generate = properties['GenerateSecretString'] as GenerateSecretString | undefined;
        const given = properties['SecretString'] as string | undefined;
        if (generate || given !== undefined) put(secret, given ?? generated(world, generate ?? {}), world.uniqueId(32), ['AWSCURRENT']);
        for (const wanted of (properties['ReplicaRegions'] ?? []) as readonly ReplicaRegion[]) await replicate(secret, wanted, false);
        return { ref: secret.arn, attributes: { Id: secret.arn } };
      },
      'AWS::SecretsManager::RotationSchedule': async ({ properties, region }) => {
        const { SecretId, RotationLambdaARN, RotationRules, RotateImmediatelyOnUpdate } = properties;
        if (RotationLambdaARN === undefined) throw new AwsError('InvalidParameterException', 'Rotation without RotationLambdaARN (managed or hosted) is not modelled.');
        const RotateImmediately = String(RotateImmediatelyOnUpdate ?? true) === 'true';
        const rules = RotationRules === undefined ? {} : { RotationRules: inNumbers(RotationRules as Record<keyof RotationRules, string | number | undefined>) };
        await world.call({
          service: 'secretsmanager', operation: 'RotateSecret', region, caller: { accessKeyId: 'cloudformation.amazonaws.com' },
          input: { SecretId, RotationLambdaARN, RotateImmediately, ...rules },
        });
        return { ref: String(SecretId), attributes: { Id: String(SecretId) } };
      },
      /** Adds where the database is to the secret that opens it. */
      'AWS::SecretsManager::SecretTargetAttachment': async ({ properties, region }) => {
        const secret = primaryOf(String(properties['SecretId']), region);
        if (properties['TargetType'] !== 'AWS::RDS::DBInstance') {
          throw new AwsError(
            'InvalidRequestException',
            `the target type '${String(properties['TargetType'])}' is not modelled; AWS::RDS::DBInstance is`,
          );
        }
        const answer = (await world.call({
          service: 'rds',
          operation: 'DescribeDBInstances',
          region,
          caller: { accessKeyId: 'cloudformation.amazonaws.com' },
          input: { DBInstanceIdentifier: properties['TargetId'] },
        })) as {
          DBInstances: ReadonlyArray<{
            Engine?: string;
            DBName?: string;
            DBInstanceIdentifier?: string;
            Endpoint?: { Address: string; Port: number };
          }>;
        };
        const database = answer.DBInstances[0];
        const current = secret.versions.find(({ stages }) => stages.includes('AWSCURRENT'));
        const connection = {
          engine: database?.Engine,
          host: database?.Endpoint?.Address,
          port: database?.Endpoint?.Port,
          dbname: database?.DBName,
          dbInstanceIdentifier: database?.DBInstanceIdentifier,
        };
        put(secret, JSON.stringify({ ...(JSON.parse(current?.secretString ?? '{}') as object), ...connection }), world.uniqueId(32), [
          'AWSCURRENT',
        ]);
        return { ref: secret.arn, attributes: {} };
      },
    },
  };
}

function described(secret: Secret, rotations: Rotations): Record<string, unknown> {
  const { arn, name, description, kmsKeyId, createdAt, changedAt, region, primaryRegion, replicas, rotation, rotatedAt, tags } = secret;
  const replicated = primaryRegion !== undefined || replicas.length > 0;
  const next = rotations.nextDate(secret);
  return {
    ARN: arn, Name: name, Description: description, KmsKeyId: kmsKeyId, CreatedDate: createdAt, LastChangedDate: changedAt, Tags: tags,
    ...(rotation !== undefined && { RotationEnabled: rotation.enabled, RotationLambdaARN: rotation.lambdaArn, RotationRules: rotation.rules }),
    ...(rotatedAt !== undefined && { LastRotatedDate: rotatedAt }),
    ...(next !== undefined && { NextRotationDate: next }),
    ...(replicated && { PrimaryRegion: primaryRegion ?? region }),
    ...(replicas.length > 0 && { ReplicationStatus: replicas }),
  };
}

function stagesOf({ versions }: Secret): Record<string, readonly string[]> {
  return Object.fromEntries(versions.map(({ id, stages }) => [id, stages]));
}

function generated(world: World, options: GenerateSecretString): string {
  const excluded = options.ExcludeCharacters ?? '';
  const types = [
    isTrue(options.ExcludeLowercase) ? '' : 'abcdefghijklmnopqrstuvwxyz',
    isTrue(options.ExcludeUppercase) ? '' : 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    isTrue(options.ExcludeNumbers) ? '' : '0123456789',
    isTrue(options.ExcludePunctuation) ? '' : punctuation,
    isTrue(options.IncludeSpace) ? ' ' : '',
  ].map((characters) => characters.split('').filter((character) => !excluded.includes(character)));
  const included = types.filter((characters) => characters.length > 0);
  const all = included.flat();
  const length = options.PasswordLength ?? passwordLength;
  const drawn = Buffer.from(world.uniqueId(length * 4), 'hex');
  const pick = (from: readonly string[], index: number): string => from[drawn.readUInt16BE(index * 2) % from.length] as string;
  const everyType = options.RequireEachIncludedType === undefined || isTrue(options.RequireEachIncludedType);
  const password = Array.from({ length }, (_unused, index) => pick((everyType ? included[index] : undefined) ?? all, index)).join('');
  if (options.SecretStringTemplate === undefined || options.GenerateStringKey === undefined) return password;
  return JSON.stringify({ ...(JSON.parse(options.SecretStringTemplate) as object), [options.GenerateStringKey]: password });
}

/** Templates may spell a number as text. */
function inNumbers({ AutomaticallyAfterDays: days, ...rules }: Record<keyof RotationRules, string | number | undefined>): object {
  return { ...rules, ...(days !== undefined && { AutomaticallyAfterDays: Number(days) }) };
}

/** Templates may spell a boolean as text. */
function isTrue(value: unknown): boolean {
  return String(value) === 'true';
}
