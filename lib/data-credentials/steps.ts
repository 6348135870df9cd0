/** The steps of the function, on what the environment has: which secret is what is decided here. */
import type { credentialRotation } from '../contracts/credential-rotation.ts';
import type { Implementation } from '../contracts/step.ts';
import type { Secret } from '../secret.ts';
import { CacheCredential, type Cache } from './cache-token.ts';
import { isWritten, MasterCredential, RoleCredential, type Database } from './database-credentials.ts';
import { UnknownCredentialError } from './errors.ts';
import { cacheSecretName, ensureRoles, masterSecretName, roleNames, secretNameOf } from './roles.ts';
import { isAccepted, Rotation, type SecretVersions } from './rotation.ts';
import { keepUp, type Upkeep, type WatchedSecret } from './upkeep.ts';

export interface CredentialParts extends Pick<Upkeep, 'state' | 'turnOn' | 'now' | 'rotateDays'> {
  readonly environment: string;
  readonly versions: SecretVersions;
  readonly database: Database;
  readonly cache: Cache;
}

export function credentialSteps(parts: CredentialParts): Implementation<typeof credentialRotation> {
  const { environment, versions, database, cache } = parts;
  const master = new MasterCredential(database);
  const token = new CacheCredential(cache);
  const roles = roleNames.map((role) => ({ name: secretNameOf(environment, role), credential: new RoleCredential(database, role) }));
  const watched: readonly WatchedSecret[] = [
    { name: masterSecretName(environment), target: 'database', credential: master, repair: (current) => master.set(current) },
    ...roles.map(({ name, credential }) => ({ name, target: 'database', credential, repair: (current: Secret) => credential.give(current) }) as const),
    { name: cacheSecretName(environment), target: 'cache', credential: token, repair: (current) => cache.modify(current, 'ROTATE') },
  ];
  const rotation = new Rotation(versions, (secretId) => {
    const found = watched.find(({ name }) => name === nameOf(secretId));
    if (found === undefined) throw new UnknownCredentialError(secretId);
    return found.credential;
  });
  const done = async (work: Promise<void>): Promise<Record<string, never>> => {
    await work;
    return {};
  };
  return {
    createSecret: (step) => done(rotation.create(step)),
    setSecret: (step) => done(rotation.set(step)),
    testSecret: (step) => done(rotation.test(step)),
    finishSecret: (step) => done(rotation.finish(step)),
    async ensureRoles() {
      const made = await database.asMaster(async (client) => {
        if (!(await isWritten(client))) return false;
        await ensureRoles(client);
        return true;
      });
      if (!made) return { seen: 'the database of this Region is not written: it has the roles of the one that is' };
      const given: string[] = [];
      for (const { name, credential } of roles) {
        const current = await versions.read(name, { stage: 'AWSCURRENT' });
        if (current === undefined) throw new Error(`${name} has no current version: the stack that declares it sets one`);
        if (await isAccepted(credential, current)) continue;
        await credential.give(current);
        await credential.test(current);
        given.push(name);
      }
      return { seen: given.length === 0 ? 'every role has its login' : `made valid what these have: ${given.join(', ')}` };
    },
    upkeep: (patience) =>
      keepUp(
        {
          ...parts, rotation, secrets: watched,
          cache: { name: cacheSecretName(environment), credential: token },
          databaseIsWritten: () => database.asMaster(isWritten),
        },
        patience,
      ),
  };
}

/** Of the ARN that Secrets Manager calls with, which ends with six characters of its own; or a name. */
function nameOf(secretId: string): string {
  return secretId.startsWith('arn:') ? (secretId.split(':')[6] ?? '').slice(0, -7) : secretId;
}
