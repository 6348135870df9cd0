/**
 * Whether a call is one that the synthesized policies allow: for whoever looks at what was done. The decision of the same request is the same in every run
 * of a process, and is made once.
 */
import type { Call } from '../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { accessesOf, iamService } from '../../rehearsal/permissions/accesses.ts';
import { DeployedPolicies } from '../../rehearsal/permissions/deployed-policies.ts';
import { judgeRecorded } from '../../rehearsal/permissions/judge.ts';
import { iam, type Iam } from '../../rehearsal/services/iam.ts';
import type { Made } from './deployed.ts';

export class Policies {
  readonly #policies: DeployedPolicies;
  readonly #account: string;
  /** By what was asked: what is wrong with it, or nothing. */
  readonly #decided = new Map<string, string | undefined>();

  constructor(made: readonly Made[], account: string) {
    let model: Iam | undefined;
    createWorld({ seed: 1, accountId: account, regions: [], services: (world) => [(model = iam(world))] });
    this.#policies = new DeployedPolicies(model!);
    this.#account = account;
    for (const each of made) {
      void model!.resources?.[each.type]?.(each);
      this.#policies.resourceCreated(each, each);
    }
  }

  /** Whether it was decided before that a call of this shape was to be let through: thousands of a run were. */
  isAllowed(call: Call): boolean {
    if (call.caller.roleArn === undefined && call.caller.service === undefined) return true;
    const shape = shapeOf(call);
    return shape !== undefined && this.#decided.has(shape) && this.#decided.get(shape) === undefined;
  }

  /** Why the call was not to be let through; undefined when it was. */
  async fault(call: Call, world: CloudWorld): Promise<string | undefined> {
    const { caller: { roleArn, service, sourceArn }, region } = call;
    // A person with the keys of the account may do all there is.
    if (roleArn === undefined && service === undefined) return undefined;
    const shape = shapeOf(call);
    const ask = (of: Pick<Call, 'service' | 'operation' | 'region' | 'input'>): Promise<Record<string, unknown> | undefined> => world.look(of);
    const accesses = await accessesOf(call, { accountId: this.#account, ask });
    const who = roleArn?.split('/').at(-1) ?? service ?? '';
    let fault: string | undefined;
    if (accesses === undefined) fault = `nobody said what ${iamService(call.service)}:${call.operation} of ${who} asks permission for`;
    for (const access of accesses ?? []) {
      const asked = { ...(roleArn !== undefined && { roleArn }), ...(service !== undefined && { service }), ...(sourceArn !== undefined && { sourceArn }), region, ...access };
      const known = JSON.stringify(asked);
      if (!this.#decided.has(known)) {
        const { decision: { allowed, reason } } = judgeRecorded(asked, this.#policies, this.#account);
        this.#decided.set(known, allowed ? undefined : `${who} did ${access.action} on ${access.resource}, ${reason}`);
      }
      fault ??= this.#decided.get(known);
    }
    if (shape !== undefined) this.#decided.set(shape, fault);
    return fault;
  }
}

/** Thousands of calls of the tables differ in nothing that a policy asks for. */
function shapeOf({ service, operation, region, caller, input }: Call): string | undefined {
  const { Key, Item } = input as Readonly<Record<'Key' | 'Item', { readonly book?: { readonly S?: string } } | undefined>>;
  const key = (Key ?? Item)?.book?.S;
  return service === 'dynamodb' && key !== undefined ? `${caller.roleArn ?? ''} ${operation} ${region} ${String(input['TableName'])} ${key}` : undefined;
}
