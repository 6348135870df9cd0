/** Secrets Manager's versions and stages in memory, as a rotation sees them, which may die after any of its calls. */
import type { RotationStep, SecretVersions, Stage } from '../../lib/data-credentials/rotation.ts';
import type { Secret } from '../../lib/secret.ts';

export class CrashError extends Error {
  override readonly name = 'CrashError';
}

interface Version {
  readonly id: string;
  createdAt: Date;
  value: Secret | undefined;
  stages: string[];
}

export class MemorySecrets implements SecretVersions {
  readonly #secrets = new Map<string, Version[]>();
  readonly everyValue: Secret[] = [];
  readonly changedAt = new Map<string, Date>();
  writes = 0;
  #made = 0;
  #callsLeft = Infinity;
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date(0)) {
    this.#now = now;
  }

  create(name: string, value: Secret): void {
    this.#secrets.set(name, [{ id: this.#newId(), createdAt: this.#now(), value, stages: ['AWSCURRENT'] }]);
    this.everyValue.push(value);
  }

  /** As RotateSecret begins. */
  begin(name: string): RotationStep {
    const token = this.#newId();
    this.#of(name).push({ id: token, createdAt: this.#now(), value: undefined, stages: ['AWSPENDING'] });
    return { secretId: name, token };
  }

  /** So many calls are done; the process dies in the next one, which is done too. */
  crashAfter(calls: number): void {
    this.#callsLeft = calls;
  }

  valueOf(name: string, stage: Stage): Secret | undefined {
    return this.#of(name).find(({ stages }) => stages.includes(stage))?.value;
  }
  stagesOf(name: string, id: string): readonly string[] {
    return this.#of(name).find((version) => version.id === id)?.stages ?? [];
  }
  versionsOf(name: string): readonly { readonly id: string; readonly stages: readonly string[]; readonly createdAt: Date }[] {
    return this.#of(name);
  }
  /** Whatever it has. */
  stage(name: string, id: string, value: Secret): void {
    const version = this.#of(name).find((each) => each.id === id);
    if (version !== undefined) version.value = value;
  }
  promoteNewest(name: string): Promise<void> {
    const token = this.#of(name).at(-1)?.id ?? '';
    return this.promote(name, { token });
  }

  async stages(name: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = new Map(this.#of(name).map(({ id, stages }) => [id, [...stages]]));
    this.#called();
    return found;
  }
  async read(name: string, which: { readonly stage: Stage } | { readonly version: string }): Promise<Secret | undefined> {
    const value = 'stage' in which ? this.valueOf(name, which.stage) : this.#of(name).find(({ id }) => id === which.version)?.value;
    this.#called();
    return value;
  }
  async putPending(name: string, token: string, value: Secret): Promise<void> {
    const version = this.#of(name).find(({ id }) => id === token);
    if (version !== undefined && version.value === undefined) {
      version.value = value;
      this.everyValue.push(value);
      this.writes += 1;
    }
    this.#called();
  }
  async promote(name: string, { token }: { readonly token: string }): Promise<void> {
    this.writes += 1;
    this.changedAt.set(name, this.#now());
    for (const version of this.#of(name)) {
      const was = version.stages.includes('AWSCURRENT');
      version.stages = version.id === token ? ['AWSCURRENT'] : was ? ['AWSPREVIOUS'] : [];
    }
    this.#called();
  }

  #called(): void {
    if (this.#callsLeft === 0) throw new CrashError('died here');
    this.#callsLeft -= 1;
  }
  #of(name: string): Version[] {
    const found = this.#secrets.get(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }
  #newId(): string {
    this.#made += 1;
    return `version-${this.#made}`;
  }
}
