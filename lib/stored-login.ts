/**
 * The login of a database role, as its secret has it at the moment. The current version first. Then those beside it: a database that was promoted may be a
 * little older than its secret, and then accepts the previous one; a rotation that died half-way may have left the pending one valid.
 */
import { ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { DatabaseLogin, LoginSource } from './database-client.ts';
import { readJson } from './stored-secrets.ts';

export class StoredLogin implements LoginSource {
  readonly #secrets: SecretsManagerClient;
  readonly #secretArn: string;
  #known: DatabaseLogin | undefined;

  constructor(secrets: SecretsManagerClient, secretArn: string) {
    this.#secrets = secrets;
    this.#secretArn = secretArn;
  }

  async *logins(): AsyncGenerator<DatabaseLogin> {
    yield await this.#current();
    for (const stage of ['AWSPREVIOUS', 'AWSPENDING'] as const) {
      const login = await this.#read(stage).catch(nothingYet);
      if (login !== undefined) yield login;
    }
  }

  /** What was current before, while Secrets Manager does not answer. */
  async #current(): Promise<DatabaseLogin> {
    try {
      this.#known = await this.#read('AWSCURRENT');
    } catch (error) {
      if (this.#known === undefined) throw error;
    }
    return this.#known;
  }

  #read(stage: 'AWSCURRENT' | 'AWSPREVIOUS' | 'AWSPENDING'): Promise<DatabaseLogin> {
    return readJson(this.#secrets, this.#secretArn, ['username', 'password'], stage);
  }
}

/** A secret that was never rotated has no such version; a version whose rotation has only begun has no value. */
function nothingYet(error: unknown): undefined {
  if (!(error instanceof ResourceNotFoundException)) throw error;
}
