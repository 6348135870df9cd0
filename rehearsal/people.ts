/**
 * The people of the rehearsal: one asks for changes, two others approve them with the commands of the notice. They have
 * signed in through IAM Identity Center to the permission set that the settings name; what they sign is all that tells
 * them apart.
 */
import type { Settings } from '../lib/settings/index.ts';
import { purposeOf } from '../lib/change/approvals.ts';
import { eksToken } from './cloud/presigned.ts';
import type { CloudWorld } from './cloud/world.ts';
import type { ProgressEvent } from './states/execution.ts';
import { until } from './until.ts';

const requester = 'ada@example.com';
const approvers = ['grace@example.com', 'edsger@example.com'];
const noticeBoundMs = 20_000;

type Decision = 'approve' | 'reject';
/** `silent`: they are not there. */
export type Approving = Decision | 'silent';

export class People {
  approving: Approving = 'approve';
  readonly #world: CloudWorld;
  readonly #settings: Settings;
  readonly #roleArn: string;

  private constructor(world: CloudWorld, settings: Settings, roleArn: string) {
    this.#world = world;
    this.#settings = settings;
    this.#roleArn = roleArn;
  }

  /** Gives the people their permission set, as an administrator of Identity Center does, with the policy of the deployment. */
  static async arrive(world: CloudWorld, settings: Settings): Promise<People> {
    const { account, approvals, environment, regions } = settings;
    const [, permissionSet = 'BatonApprover'] = /^permission-set\/(.+)$/.exec(approvals.approvers[0] ?? '') ?? [];
    const create = world.model('iam')?.resources?.['AWS::IAM::Role'];
    if (create === undefined) throw new Error('the local IAM makes no roles: see rehearsal/services/iam.ts');
    const { attributes } = await create({
      type: 'AWS::IAM::Role', logicalId: 'Approver', stackName: 'identity-center', region: regions.home.name, generatedName: 'approver',
      properties: {
        RoleName: `AWSReservedSSO_${permissionSet}_0123456789abcdef`,
        Path: '/aws-reserved/sso.amazonaws.com/',
        AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] },
        ManagedPolicyArns: [`arn:aws:iam::${account}:policy/baton-${environment}-approver`],
      },
    });
    return new People(world, settings, String(attributes['Arn']));
  }

  /** What somebody adds to an input, to prove who asks; nothing where no approval is wanted. Other machines' are named `canary/<name>`. */
  proofFor(execution: string, region = this.#settings.regions.home.name): { readonly proof?: string } {
    return this.#settings.approvals.required === 0 ? {} : { proof: this.#signed(requester, 'request', execution, region) };
  }

  /** Reads the notices: whoever is asked for an approval gives it, or what `approving` says. */
  see({ arn }: { readonly arn: string }, event: ProgressEvent): void {
    const { approving } = this;
    if (event.kind !== 'entered' || event.state !== 'Tell people whose approval is wanted' || approving === 'silent') return;
    const [region = '', , , machine = '', name = ''] = arn.split(':').slice(3);
    const execution = machine.endsWith('-canary') ? `canary/${name}` : name;
    this.decideAbout(execution, approving, region).catch((error: unknown) => this.#world.log('nobody decided', { execution, error: String(error) }));
  }

  /** As many as it takes say yes, or one of them no. */
  async decideAbout(execution: string, decision: Decision, region = this.#settings.regions.home.name): Promise<void> {
    const count = decision === 'reject' ? 1 : Math.max(1, this.#settings.approvals.required);
    for (const who of approvers.slice(0, count)) {
      await until(`${who} to be heard`, noticeBoundMs, async () => {
        const { accepted, message } = await this.#decide(who, decision, execution, region);
        if (!accepted && !message.startsWith('No change')) throw new Error(`${who} was refused: ${message}`);
        return accepted;
      });
    }
  }

  async #decide(who: string, decision: Decision, execution: string, region: string): Promise<{ readonly accepted: boolean; readonly message: string }> {
    const { caller } = this.#world.person(this.#roleArn, who);
    const event = { step: 'decide', decision, execution, proof: this.#signed(who, decision, execution, region) };
    const answer = (await this.#world.call({
      service: 'lambda', operation: 'Invoke', region, caller,
      input: { FunctionName: `baton-${this.#settings.environment}-decide-change`, Payload: Buffer.from(JSON.stringify(event)) },
    })) as { Payload?: Uint8Array; FunctionError?: string };
    const text = Buffer.from(answer.Payload ?? []).toString();
    const payload = JSON.parse(text) as { accepted: boolean; message: string; errorMessage?: string };
    if (answer.FunctionError !== undefined) throw new Error(`the function that takes decisions failed: ${payload.errorMessage}`);
    return payload;
  }

  #signed(who: string, act: 'request' | 'approve' | 'reject', execution: string, region: string): string {
    const { credentials } = this.#world.person(this.#roleArn, who);
    return eksToken({
      endpoint: this.#world.endpoint, region, credentials, now: new Date(),
      purpose: purposeOf(this.#settings.environment, act, execution),
    });
  }
}
