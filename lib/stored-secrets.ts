/** Secrets, read from Secrets Manager by those who use them: none is injected, so none is in an environment dump. */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod/mini';
import { Secret } from './secret.ts';

/** What is current, or the version of another stage. */
export async function readText(secrets: SecretsManagerClient, arn: string, stage = 'AWSCURRENT'): Promise<Secret> {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: arn, VersionStage: stage }));
  return new Secret(SecretString ?? '');
}

/** The current version: its id, and every text of its JSON object by name. What is no text in it stays behind. */
export async function readCurrent(secrets: SecretsManagerClient, arn: string): Promise<{ readonly version: string; readonly texts: ReadonlyMap<string, Secret> }> {
  const { SecretString = '', VersionId = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: arn }));
  const named = Object.entries(objectIn(new Secret(SecretString), arn, 'texts'));
  return { version: VersionId, texts: new Map(named.flatMap(([name, value]) => (typeof value === 'string' && value !== '' ? [[name, new Secret(value)] as const] : []))) };
}

/** A JSON object with a text under each of these names. Its errors never show what was found: it is a secret still. */
export async function readJson<Name extends string>(
  secrets: SecretsManagerClient,
  arn: string,
  names: readonly Name[],
  stage = 'AWSCURRENT',
): Promise<Readonly<Record<Name, Secret>>> {
  const found = objectIn(await readText(secrets, arn, stage), arn, names.join(' and '));
  return Object.fromEntries(
    names.map((name) => {
      const value = found[name];
      if (typeof value !== 'string') throw new Error(`secret ${arn} has no text under '${name}'; put it there and start again`);
      return [name, new Secret(value)];
    }),
  ) as Record<Name, Secret>;
}

function objectIn(text: Secret, arn: string, wanted: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text.reveal()));
  } catch {
    throw new Error(`secret ${arn} is no JSON object; wanted one with ${wanted}`);
  }
}
