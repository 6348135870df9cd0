/**
 * What a service model is, and what it may ask of the world around it.
 * Each file in rehearsal/services/ models one AWS service: the operations the system uses, with AWS's own
 * errors and states. An operation that is not modelled answers with an error, never with an empty success.
 */
import type { Access } from '../permissions/accesses.ts';

/** Who makes a call: an access key and the role it belongs to. */
export interface Caller {
  readonly accessKeyId: string;
  /** `undefined` for the operator at the keyboard and for CloudFormation itself. */
  readonly roleArn?: string;
  /** Whose session of the role it is, where a person assumed it. */
  readonly sessionName?: string;
  /** A service of AWS that calls for itself, `events.amazonaws.com`; it has no key. */
  readonly service?: string;
  /** What that service acts for: the ARN of a rule, an alarm, a function. */
  readonly sourceArn?: string;
}

/** The caller that a service of AWS is. */
export function awsService(service: string, sourceArn: string): Caller {
  return { accessKeyId: service, service, sourceArn };
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Roles have temporary keys, which are worth nothing without it. */
  readonly sessionToken?: string;
}

export interface Call {
  /** The service's signing name: 'dynamodb', 'ecs', 'states', 'secretsmanager' … */
  readonly service: string;
  /** 'UpdateItem', 'CreateTaskSet' … */
  readonly operation: string;
  readonly region: string;
  readonly caller: Caller;
  /** Decoded as the SDK types it. */
  readonly input: Record<string, unknown>;
}

/** An error as AWS would answer it; `name` is the modelled shape's, e.g. 'ConditionalCheckFailedException'. */
export class AwsError extends Error {
  readonly fault: 'client' | 'server';
  /** Further members of the error shape, e.g. `Item` of a refused condition. */
  readonly data: Record<string, unknown>;
  constructor(name: string, message: string, options: { fault?: 'client' | 'server'; data?: Record<string, unknown> } = {}) {
    super(message);
    this.name = name;
    this.fault = options.fault ?? 'client';
    this.data = options.data ?? {};
  }
}

export type OperationHandler = (input: any, call: Call) => unknown;

/** How CloudFormation makes a resource of a type; the properties have their intrinsics resolved. */
export interface ResourceRequest {
  readonly type: string;
  readonly logicalId: string;
  readonly stackName: string;
  readonly region: string;
  /** A name for resources that were given none, unique and stable: `<stack>-<logicalId>-<suffix>`. */
  readonly generatedName: string;
  readonly properties: Record<string, any>;
}
export interface CreatedResource {
  /** What `Ref` gives. */
  readonly ref: string;
  /** What `Fn::GetAtt` gives, by attribute name ('Arn', 'Endpoint.Address'). */
  readonly attributes: Record<string, unknown>;
}
export type ResourceHandler = (request: ResourceRequest) => CreatedResource | Promise<CreatedResource>;

export interface ServiceModel {
  readonly service: string;
  readonly operations: Readonly<Record<string, OperationHandler>>;
  readonly resources?: Readonly<Record<string, ResourceHandler>>;
  /** A Region goes dark in one blow: what the model runs there is gone. */
  regionLost?(region: string): Promise<void>;
  /** It is back: what AWS starts again by itself is started. */
  regionBack?(region: string): Promise<void>;
  /** Two Regions do not reach each other from now on, or do again: what the model sends from one to the other does not arrive. */
  linkChanged?(one: string, other: string, linked: boolean): void;
  /** Ends what the model started. Safe to call twice. */
  close?(): Promise<void>;
}

/** An event on a Region's default bus. */
export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  /** Where it happened. */
  readonly region: string;
  /** Where a rule of that Region sent it. */
  readonly sentTo?: string;
  readonly resources: readonly string[];
  readonly detail: Record<string, unknown>;
}

/** What is wrong with a Region: all of it is gone in one blow, or only what its services are asked for, DynamoDB apart, while what runs there runs on. */
export type Outage = 'dark' | 'control-plane';

/** Nobody answers: the caller learns nothing, not even that. */
export class RegionDarkError extends Error {
  constructor(region: string) {
    super(`the Region ${region} is dark`);
    this.name = 'RegionDarkError';
  }
}

/** The world a model lives in. */
export interface World {
  readonly accountId: string;
  /** The address of the AWS front, for processes that are given AWS_ENDPOINT_URL; empty until it listens. */
  readonly endpoint: string;
  /** Calls another service as AWS itself would on the system's behalf. Throws AwsError. */
  call(call: Call): Promise<unknown>;
  /** An access key of its own for a role; the same key for the same role. */
  credentialsFor(roleArn: string): Credentials;
  callerFor(roleArn: string): Caller;
  /** Whether a role trusts a service of AWS that acts for something; always, in a world that does not judge. */
  mayAssume(roleArn: string, service: string, sourceArn: string): boolean;
  /** Throws AwsError when a policy forbids what a service does on the caller's behalf without a call of its own. */
  authorize(call: Pick<Call, 'caller' | 'region' | 'service'>, accesses: readonly Access[]): void;
  /** Puts an event on the bus; rules that match it run their targets. */
  emit(event: BusEvent): void;
  /** ISO time for AWS-shaped answers. */
  now(): Date;
  /** A name that no other has: hex digits, from the run's seed. */
  uniqueId(length?: number): string;
  /** Waits a modelled provisioning delay on the compressed clock, and until the Region is back; rejects when the world closes. */
  provision(kind: string, region: string): Promise<void>;
  /** The same for what goes on beside everything: while it does, time that others measure is not taken for compressed. */
  provisionBeside(kind: string, region: string): Promise<void>;
  outageOf(region: string): Outage | undefined;
  /** Settles when nothing is wrong with the Region; rejects when the world closes. */
  whenBack(region: string): Promise<void>;
  /** Whether two Regions reach each other. */
  areLinked(one: string, other: string): boolean;
  /** Waits real milliseconds; rejects when the world closes. */
  sleep(ms: number): Promise<void>;
  /** A line for the run's log: what the model did, for people. Never a secret. */
  log(message: string, fields?: Record<string, unknown>): void;
}
