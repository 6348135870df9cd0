/** Secrets, read from Secrets Manager by those who use them: none is injected, so none is in an environment dump. */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod/mini';
import { Secret } from './secret.ts';

/** What is current, or the version of another stage. */
export async function readText(secrets: SecretsManagerClient, arn: string, stage = 'AWSCURRENT'): Promise<Secret> {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: arn, VersionStage: stage }));
  return new Secret(SecretString ?? '');
}

/** A JSON object with a text under each of these names. Its errors never show what was found: it is a secret still. */
export async function readJson<Name extends string>(
  secrets: SecretsManagerClient,
  arn: string,
  names: readonly Name[],
  stage = 'AWSCURRENT',
): Promise<Readonly<Record<Name, Secret>>> {
  const text = await readText(secrets, arn, stage);
  const shape = z.record(z.string(), z.unknown());
  let found: Record<string, unknown>;
  try {
    found = shape.parse(JSON.parse(text.reveal()));
  } catch {
    throw new Error(`secret ${arn} is no JSON object; wanted one with ${names.join(' and ')}`);
  }
  return Object.fromEntries(
    names.map((name) => {
      const value = found[name];
      if (typeof value !== 'string') throw new Error(`secret ${arn} has no text under '${name}'; put it there and start again`);
      return [name, new Secret(value)];
    }),
  ) as Record<Name, Secret>;
}
