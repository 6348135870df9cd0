/** A book's exchange keys as a scenario sees and moves them: at the venue, in Secrets Manager, in the scheduler and in the roster. */
import { bybitProof } from '../containers/guard/venue-key.ts';
import { type KeyProof, keyRotation, type KeysSeen } from '../lib/contracts/key-rotation.ts';
import { keyWatch } from '../lib/contracts/key-watch.ts';
import type { StepOutput } from '../lib/contracts/step.ts';
import { Secret } from '../lib/secret.ts';
import type { Installation } from './installation.ts';
import { until } from './until.ts';
import type { VenueKey } from '../lib/venues/paper/keys.ts';
import type { VenueEntry } from './venue/record.ts';

/** Five attempts of Secrets Manager, with the pauses between them; and a minute and a half for the roster. */
const rotationBoundMs = 120_000;
const busyBoundMs = 60_000;

/** How the venue refuses a key, whatever it is asked. */
const refusalsOfKeys: ReadonlySet<number> = new Set([10003, 10004, 10005, 10010, 33004]);

export class ExchangeKeys {
  readonly #installation: Installation;
  readonly #book: string;

  constructor(installation: Installation, book: string) {
    this.#installation = installation;
    this.#book = book;
  }

  /** Those that the venue has for the book's sub-account now, and every one that it ever had. */
  get atVenue(): readonly VenueKey[] {
    return this.#installation.venue.keys.ofAccount(this.#book);
  }
  get ever(): readonly VenueKey[] {
    return this.#installation.venue.keys.ever.filter(({ account }) => account === this.#book);
  }
  get venue(): Installation['venue'] {
    return this.#installation.venue;
  }

  /** Every request that the venue refused for its key since then. */
  refusedForTheirKey(fromMs: number): readonly VenueEntry[] {
    return this.#installation.venue.record.filter(({ arrivedAtMs, code }) => arrivedAtMs >= fromMs && refusalsOfKeys.has(code));
  }

  /** Somebody tries a key: the venue's code when it refuses, `accepted` otherwise. */
  async tried({ apiKey, secret }: Pick<VenueKey, 'apiKey' | 'secret'>): Promise<string> {
    const texts = new Map([['apiKey', new Secret(apiKey)], ['secret', new Secret(secret)]]);
    const { refused = 'accepted' } = await bybitProof(this.#installation.venue.url)({ version: 'tried', texts }, Date.now(), AbortSignal.timeout(5000));
    return refused;
  }

  /** The hour of the watch has come. What it configures, Secrets Manager tries first, on a version that it takes away again. */
  async watch(region = this.#region): Promise<StepOutput<(typeof keyWatch)['steps']['watch']>> {
    const said = await this.#invoke<StepOutput<(typeof keyWatch)['steps']['watch']>>(`${this.#prefix}-${keyWatch.name}`, {}, region);
    await until(`nothing to be pending when the watch saw ${[...said.seen, ...said.faults].join('; ')}`, rotationBoundMs, async () => Object.values(await this.stages()).every((stages) => !stages.includes('AWSPENDING') || stages.includes('AWSCURRENT')));
    return said;
  }

  inspect(): Promise<KeysSeen> {
    return this.#invoke(this.functionName, { step: 'inspect' });
  }

  /** One step of the rotation, as somebody does it who then does no more. */
  step(step: 'create', input: Record<string, unknown>, region = this.#region): Promise<unknown> {
    return this.#invoke(this.functionName, { step, ...input }, region);
  }

  revoke(revocation: Record<string, unknown>): Promise<StepOutput<(typeof keyRotation)['steps']['revoke']>> {
    return this.#invoke(this.functionName, { step: 'revoke', ...revocation });
  }

  get functionName(): string {
    return `${this.#prefix}-${this.#book}-${keyRotation.name}`;
  }

  /** A person asks Secrets Manager to rotate now; answers the version that is to come. */
  async rotate(region = this.#region): Promise<string> {
    const { VersionId } = await this.#operator<{ VersionId: string }>('secretsmanager', 'RotateSecret', { SecretId: this.#secretId }, region);
    return VersionId;
  }

  async giveUp(version: string): Promise<void> {
    await this.#operator('secretsmanager', 'UpdateSecretVersionStage', { SecretId: this.#secretId, VersionStage: 'AWSPENDING', RemoveFromVersionId: version });
  }

  async stages(): Promise<Readonly<Record<string, readonly string[]>>> {
    const { VersionIdsToStages } = await this.#operator<{ VersionIdsToStages: Record<string, string[]> }>('secretsmanager', 'DescribeSecret', { SecretId: this.#secretId });
    return VersionIdsToStages;
  }

  async isCurrent(version: string): Promise<boolean> {
    return (await this.stages())[version]?.includes('AWSCURRENT') === true;
  }

  /** The key that the secret has now, and of which version. */
  async current(): Promise<Pick<VenueKey, 'apiKey' | 'secret'> & { readonly version: string }> {
    const { SecretString, VersionId } = await this.#operator<{ SecretString: string; VersionId: string }>('secretsmanager', 'GetSecretValue', { SecretId: this.#secretId });
    const { apiKey, secret } = JSON.parse(SecretString) as { apiKey: string; secret: string };
    return { apiKey, secret, version: VersionId };
  }

  /** Until the revocation that follows this version is scheduled: answers when, and with which proof. */
  scheduled(version: string): Promise<{ readonly at: Date; readonly proof: KeyProof }> {
    return until(`the revocation that follows ${version}`, rotationBoundMs, () => this.scheduledNow(version));
  }

  async scheduledNow(version: string): Promise<{ readonly at: Date; readonly proof: KeyProof } | undefined> {
    const at = this.#installation.schedules.nextTimeOf(this.#region, this.#nameOf(version), this.#group);
    if (at === undefined) return undefined;
    const { Target } = await this.#operator<{ Target: { Input: string } }>('scheduler', 'GetSchedule', { Name: this.#nameOf(version), GroupName: this.#group });
    return { at, proof: (JSON.parse(Target.Input) as { proof: KeyProof }).proof };
  }

  /** The grace is over. */
  graceIsOver(version: string): Promise<void> {
    return this.#installation.schedules.comesDue(this.#region, this.#nameOf(version), this.#group);
  }

  /** Where the venue sees requests of either Region come from. */
  async addresses(): Promise<readonly string[]> {
    const { first, second } = this.#installation.settings.regions;
    const all = await Promise.all([first, second].map(async ({ name }) => {
      const { Parameter } = await this.#operator<{ Parameter: { Value: string } }>('ssm', 'GetParameter', { Name: `/baton/${this.#installation.settings.environment}/venue-addresses/${name}` }, name);
      return Parameter.Value.split(',');
    }));
    return all.flat();
  }

  get #prefix(): string {
    return `baton-${this.#installation.settings.environment}`;
  }
  get #group(): string {
    return `${this.#prefix}-keys`;
  }
  get #secretId(): string {
    return `${this.#prefix}/${this.#book}/venue`;
  }
  get #region(): string {
    return this.#installation.homeOf(this.#book);
  }

  /** As the function that schedules it names it. */
  #nameOf(version: string): string {
    return `${this.#book}-${version}`.slice(0, 64);
  }

  #operator<Answer>(service: string, operation: string, input: Record<string, unknown>, region = this.#region): Promise<Answer> {
    return this.#installation.operator<Answer>(service, operation, input, region);
  }

  async #invoke<Answer>(FunctionName: string, event: object, region = this.#region): Promise<Answer> {
    const call = { FunctionName, Payload: Buffer.from(JSON.stringify(event)) };
    // It does one thing at a time: who finds it busy asks again.
    const { FunctionError, Payload } = await until(`${FunctionName} to be free`, busyBoundMs, () =>
      this.#operator<{ FunctionError?: string; Payload: Uint8Array }>('lambda', 'Invoke', call, region).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'TooManyRequestsException') throw error;
        return undefined;
      }));
    const answer: unknown = JSON.parse(Buffer.from(Payload).toString());
    if (FunctionError !== undefined) throw new Error(`${FunctionName}: ${(answer as { errorType?: string }).errorType}: ${(answer as { errorMessage?: string }).errorMessage}`);
    return answer as Answer;
  }
}
