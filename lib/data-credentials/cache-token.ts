/**
 * The token of Redis: ElastiCache knows two of them between ROTATE, which adds one, and SET, which leaves one. So a rotation only adds, and the old one is
 * refused from when it is retired on: after everybody had time to read the new one.
 */
import { Secret } from '../secret.ts';
import { CredentialRefusedError } from './errors.ts';
import type { Credential } from './rotation.ts';

export interface Cache {
  /** Whether Redis takes this token. */
  accepts(token: Secret): Promise<boolean>;
  /** Answers when the group is as it was asked to be. */
  modify(token: Secret, strategy: 'ROTATE' | 'SET'): Promise<void>;
  /** 64 letters and digits: ElastiCache takes little else, and from 16 to 128 of them. */
  newToken(): string;
}

export class CacheCredential implements Credential {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  next(): Secret {
    return new Secret(this.#cache.newToken());
  }

  async set(pending: Secret, current: Secret): Promise<void> {
    if (await this.#cache.accepts(pending)) return;
    // A third token would push out one of the two: the current one must be there, and stay.
    if (!(await this.#cache.accepts(current))) throw new CredentialRefusedError('Redis refuses the current token: adding another would leave it with one that nobody has');
    await this.#cache.modify(pending, 'ROTATE');
  }

  async test(pending: Secret): Promise<void> {
    if (!(await this.#cache.accepts(pending))) throw new CredentialRefusedError('Redis refuses the new token');
  }

  /** From then on the previous token is refused; false when it was already. */
  async retire(previous: Secret, current: Secret): Promise<boolean> {
    if (previous.reveal() === current.reveal() || !(await this.#cache.accepts(previous))) return false;
    // Never the last one that works.
    await this.test(current);
    await this.#cache.modify(current, 'SET');
    if (await this.#cache.accepts(previous)) throw new CredentialRefusedError('Redis takes the old token still, after it was told to take the new one only');
    return true;
  }
}
