/**
 * The four steps by which Secrets Manager rotates a secret, over the kinds of credentials that there are. Each step may be repeated, may have been done by another
 * call, and may be the first after a crash anywhere: what it finds done, it leaves. The new version is current only after it was accepted.
 */
import type { Secret } from '../secret.ts';
import { CredentialRefusedError, NotPendingError } from './errors.ts';

export type Stage = 'AWSCURRENT' | 'AWSPREVIOUS' | 'AWSPENDING';

/** The versions of a secret, by their stages. */
export interface SecretVersions {
  /** The stages of each version, by its id. */
  stages(secretId: string): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Undefined where there is no such version, or one without a value. */
  read(secretId: string, which: { readonly stage: Stage } | { readonly version: string }): Promise<Secret | undefined>;
  /** A version that has a value already keeps it. */
  putPending(secretId: string, token: string, value: Secret): Promise<void>;
  /** Makes a version the current one; `from` is the one that is. */
  promote(secretId: string, version: { readonly token: string; readonly from: string | undefined }): Promise<void>;
}

/** What a secret opens. */
export interface Credential {
  /** What the next version holds; with what is current, which is a proven one. */
  next(current: Secret): Secret;
  /** Makes it valid beside what is current. Done twice, it is as done once. */
  set(pending: Secret, current: Secret): Promise<void>;
  /** Throws CredentialRefusedError unless it opens what it should. */
  test(pending: Secret): Promise<void>;
}

/** Whether it opens what it should; throws where nobody answers, which says nothing about it. */
export async function isAccepted(credential: Credential, secret: Secret): Promise<boolean> {
  try {
    await credential.test(secret);
    return true;
  } catch (error) {
    if (error instanceof CredentialRefusedError) return false;
    throw error;
  }
}

export interface RotationStep {
  readonly secretId: string;
  /** Of the version that is to become current. */
  readonly token: string;
}

export class Rotation {
  readonly #versions: SecretVersions;
  readonly #credentialOf: (secretId: string) => Credential;

  constructor(versions: SecretVersions, credentialOf: (secretId: string) => Credential) {
    this.#versions = versions;
    this.#credentialOf = credentialOf;
  }

  /** Makes and stores the new one, before anybody accepts it. */
  async create({ secretId, token }: RotationStep): Promise<void> {
    const credential = this.#credentialOf(secretId);
    if (await this.#isCurrent({ secretId, token })) return;
    if ((await this.#versions.read(secretId, { version: token })) !== undefined) return;
    await this.#versions.putPending(secretId, token, credential.next(await this.#current(secretId)));
  }

  async set({ secretId, token }: RotationStep): Promise<void> {
    const credential = this.#credentialOf(secretId);
    if (await this.#isCurrent({ secretId, token })) return;
    await credential.set(await this.#pending({ secretId, token }), await this.#current(secretId));
  }

  /** When rotation is turned on, Secrets Manager tries this step alone, with a version that has no value: then what is current is tested. */
  async test({ secretId, token }: RotationStep): Promise<void> {
    const credential = this.#credentialOf(secretId);
    if (await this.#isCurrent({ secretId, token })) return;
    await credential.test((await this.#versions.read(secretId, { version: token })) ?? (await this.#current(secretId)));
  }

  /** Proves it once more: whoever calls the steps out of order promotes nothing that is not accepted. */
  async finish({ secretId, token }: RotationStep): Promise<void> {
    const credential = this.#credentialOf(secretId);
    if (await this.#isCurrent({ secretId, token })) return;
    await credential.test(await this.#pending({ secretId, token }));
    const from = [...(await this.#versions.stages(secretId))].find(([, stages]) => stages.includes('AWSCURRENT'))?.[0];
    await this.#versions.promote(secretId, { token, from });
  }

  /** All of them: what a rotation that died has left to do. */
  async complete(step: RotationStep): Promise<void> {
    await this.create(step);
    await this.set(step);
    await this.test(step);
    await this.finish(step);
  }

  /** Whether all was done before. Throws NotPendingError for a version that no rotation is about. */
  async #isCurrent({ secretId, token }: RotationStep): Promise<boolean> {
    const stages = (await this.#versions.stages(secretId)).get(token) ?? [];
    if (stages.includes('AWSCURRENT')) return true;
    if (!stages.includes('AWSPENDING')) throw new NotPendingError(secretId, token, stages);
    return false;
  }

  async #current(secretId: string): Promise<Secret> {
    const current = await this.#versions.read(secretId, { stage: 'AWSCURRENT' });
    if (current === undefined) throw new Error(`${secretId} has no current version: it was never set. Its stack sets it when it is deployed`);
    return current;
  }

  async #pending({ secretId, token }: RotationStep): Promise<Secret> {
    const pending = await this.#versions.read(secretId, { version: token });
    if (pending === undefined) throw new Error(`version ${token} of ${secretId} has no value yet: the step that creates it comes first`);
    return pending;
  }
}
