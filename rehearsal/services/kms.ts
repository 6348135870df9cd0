/** KMS: keys and their aliases as data. Nothing is encrypted here: what is stored never leaves this machine. What is signed is signed. */
import { createHash, generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto';

import { AwsError, type Call, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf } from './pages.ts';

interface Key {
  readonly id: string;
  readonly arn: string;
  readonly region: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  enabled: boolean;
  /** Made when it is first asked for. */
  pair?: KeyPairKeyObjectResult;
}
interface Alias {
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly target: string;
  readonly createdAt: Date;
}
interface ListInput {
  readonly Limit?: number;
  readonly Marker?: string;
  readonly KeyId?: string;
}

interface SignInput {
  readonly KeyId: string;
  readonly Message: Uint8Array;
  readonly MessageType?: string;
  readonly SigningAlgorithm: string;
}
/** "Messages … can be up to 4096 bytes"; what is longer is hashed before. */
const rawMessageMax = 4096;

/** "If you do not include a value, it defaults to 100" for keys, 50 for aliases; both go up to these. */
const listMax = { keys: 1000, aliases: 100 };

export function kms(world: World): ServiceModel {
  const keys: Key[] = [];
  const aliases: Alias[] = [];
  const arnOf = (region: string, name: string): string => `arn:aws:kms:${region}:${world.accountId}:${name}`;

  function keyOf(reference: string, region: string): Key {
    const alias = aliases.find((each) => each.region === region && [each.name, each.arn].includes(reference));
    const named = alias?.target ?? reference;
    const found = keys.find((key) => key.region === region && [key.id, key.arn].includes(named));
    if (!found) throw new AwsError('NotFoundException', `Key '${arnOf(region, `key/${reference}`)}' does not exist`);
    return found;
  }

  /** Of a key that signs; only those on the curve P-256 are modelled. */
  function pairOf(key: Key): KeyPairKeyObjectResult {
    if (key.properties['KeyUsage'] !== 'SIGN_VERIFY') throw new AwsError('InvalidKeyUsageException', `${key.arn} key usage is ENCRYPT_DECRYPT which is not valid for Sign.`);
    if (key.properties['KeySpec'] !== 'ECC_NIST_P256') throw new AwsError('NotImplemented', `keys of ${String(key.properties['KeySpec'])} do not sign here; those of ECC_NIST_P256 do`, { fault: 'server' });
    if (!key.enabled) throw new AwsError('DisabledException', `${key.arn} is disabled.`);
    key.pair ??= generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return key.pair;
  }

  const paged = { invalidToken: 'InvalidMarkerException' };

  return {
    service: 'kms',
    operations: {
      ListKeys: ({ Limit, Marker }: ListInput, { region }: Call) => {
        const { elements, next } = pageOf(keys.filter((key) => key.region === region), {
          token: Marker, size: Limit ?? 100, sizeMax: listMax.keys, keyOf: ({ id }) => id, ...paged,
        });
        return { Keys: elements.map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })), Truncated: next !== undefined, NextMarker: next };
      },
      ListAliases: ({ Limit, Marker, KeyId }: ListInput, { region }: Call) => {
        const key = KeyId === undefined ? undefined : keyOf(KeyId, region);
        const here = aliases.filter((alias) => alias.region === region && (key === undefined || [key.id, key.arn].includes(alias.target)));
        const { elements, next } = pageOf(here, { token: Marker, size: Limit ?? 50, sizeMax: listMax.aliases, keyOf: ({ name }) => name, ...paged });
        return {
          Aliases: elements.map(({ name, arn, target, createdAt }) => ({
            AliasName: name, AliasArn: arn, TargetKeyId: keyOf(target, region).id, CreationDate: createdAt,
          })),
          Truncated: next !== undefined,
          NextMarker: next,
        };
      },
      DescribeKey: ({ KeyId }: { KeyId: string }, { region }: Call) => {
        const { id, arn, properties, createdAt, enabled } = keyOf(KeyId, region);
        return {
          KeyMetadata: {
            AWSAccountId: world.accountId, KeyId: id, Arn: arn, CreationDate: createdAt, Enabled: enabled, Description: properties['Description'] ?? '',
            KeyUsage: properties['KeyUsage'] ?? 'ENCRYPT_DECRYPT', KeySpec: properties['KeySpec'] ?? 'SYMMETRIC_DEFAULT', KeyState: enabled ? 'Enabled' : 'Disabled',
            Origin: 'AWS_KMS', KeyManager: 'CUSTOMER', MultiRegion: String(properties['MultiRegion']) === 'true',
          },
        };
      },
      DisableKey: ({ KeyId }: { KeyId: string }, { region }: Call) => {
        keyOf(KeyId, region).enabled = false;
        return {};
      },
      EnableKey: ({ KeyId }: { KeyId: string }, { region }: Call) => {
        keyOf(KeyId, region).enabled = true;
        return {};
      },
      Sign: ({ KeyId, Message, MessageType = 'RAW', SigningAlgorithm }: SignInput, { region }: Call) => {
        const key = keyOf(KeyId, region);
        const { privateKey } = pairOf(key);
        if (MessageType !== 'RAW' || SigningAlgorithm !== 'ECDSA_SHA_256') {
          throw new AwsError('NotImplemented', `signing of ${MessageType} with ${SigningAlgorithm} is not modelled; RAW with ECDSA_SHA_256 is`, { fault: 'server' });
        }
        if (Message.length > rawMessageMax) throw new AwsError('ValidationException', `Value at 'Message' failed to satisfy constraint: at most ${rawMessageMax} bytes`);
        return { KeyId: key.arn, Signature: sign('sha256', Message, privateKey), SigningAlgorithm };
      },
      GetPublicKey: ({ KeyId }: { KeyId: string }, { region }: Call) => {
        const key = keyOf(KeyId, region);
        const { publicKey } = pairOf(key);
        return { KeyId: key.arn, PublicKey: publicKey.export({ type: 'spki', format: 'der' }), KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: ['ECDSA_SHA_256'] };
      },
      GetKeyPolicy: ({ KeyId }: { KeyId: string }, { region }: Call) => ({
        Policy: JSON.stringify(keyOf(KeyId, region).properties['KeyPolicy'], null, 2), PolicyName: 'default',
      }),
      ListKeyPolicies: ({ KeyId }: { KeyId: string }, { region }: Call) => {
        keyOf(KeyId, region);
        return { PolicyNames: ['default'], Truncated: false };
      },
      GetKeyRotationStatus: ({ KeyId }: { KeyId: string }, { region }: Call) => {
        const { id, properties } = keyOf(KeyId, region);
        const enabled = String(properties['EnableKeyRotation']) === 'true';
        return { KeyId: id, KeyRotationEnabled: enabled, ...(enabled ? { RotationPeriodInDays: Number(properties['RotationPeriodInDays'] ?? 365) } : {}) };
      },
    },
    resources: {
      'AWS::KMS::Key': ({ region, properties, generatedName }) => {
        const hex = createHash('sha256').update(generatedName).digest('hex').slice(0, 32);
        const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
        const arn = arnOf(region, `key/${id}`);
        keys.push({ id, arn, region, properties, createdAt: world.now(), enabled: true });
        return { ref: id, attributes: { Arn: arn, KeyId: id } };
      },
      'AWS::KMS::Alias': ({ region, properties }) => {
        const name = String(properties['AliasName']);
        aliases.push({ name, arn: arnOf(region, name), region, target: String(properties['TargetKeyId']), createdAt: world.now() });
        return { ref: name, attributes: {} };
      },
    },
  };
}
