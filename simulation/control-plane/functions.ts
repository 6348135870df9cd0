/**
 * Lambda in a seed's system: each invocation a process of its own, in which the real steps of the function run on a client that ends in the models. It
 * may stand still until its time is over, or end in the middle of what it does.
 */
import { LambdaClient } from '@aws-sdk/client-lambda';
import { RDSClient } from '@aws-sdk/client-rds';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SSMClient } from '@aws-sdk/client-ssm';
import { approvalSteps } from '../../lib/change/approvals.ts';
import { calling } from '../../lib/contracts/call.ts';
import { changeApprovals } from '../../lib/contracts/change.ts';
import { cutoverInspection, leaseControl } from '../../lib/contracts/cutover.ts';
import { keyRotation } from '../../lib/contracts/key-rotation.ts';
import { bookOperations } from '../../lib/contracts/operations.ts';
import { databaseRecovery, recoveryControl } from '../../lib/contracts/recovery.ts';
import { regionWatch } from '../../lib/contracts/region-watch.ts';
import { ExecutionEnded, releaseWorkflow } from '../../lib/contracts/release-workflow.ts';
import { standbyControl } from '../../lib/contracts/standby.ts';
import type { FunctionContract, Implementation } from '../../lib/contracts/step.ts';
import { otherRegion, switchoverControl } from '../../lib/contracts/switchover.ts';
import { acceptedOrdersIn } from '../../lib/cutover/accepted-orders.ts';
import { canaryFiguresIn } from '../../lib/cutover/canary-figures.ts';
import { inspectionSteps } from '../../lib/cutover/inspection-steps.ts';
import { lastNet } from '../../lib/cutover/last-net.ts';
import { leaseSteps } from '../../lib/cutover/lease-steps.ts';
import type { Patience } from '../../lib/cutover/patience.ts';
import { keyRoster } from '../../lib/key-rotation/roster.ts';
import { rotationSteps } from '../../lib/key-rotation/rotation.ts';
import { keySecret } from '../../lib/key-rotation/secret-store.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { KeyRoster } from '../../lib/lease/key-roster.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { operationSteps } from '../../lib/operations/steps.ts';
import { controlSteps } from '../../lib/recovery/control-steps.ts';
import { watchedDatabase, watchedRegion } from '../../lib/standby/region.ts';
import { standbySteps } from '../../lib/standby/steps.ts';
import { watchSteps } from '../../lib/standby/watch.ts';
import { switchoverSteps } from '../../lib/switchover/control-steps.ts';
import { otherRegionSteps } from '../../lib/switchover/other-region-steps.ts';
import { databaseApi, regionApis } from '../../lib/switchover/region-apis.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { sendingTo } from '../../lambdas/invoke.ts';
import { AwsError, RegionDarkError, type ServiceModel } from '../../rehearsal/cloud/model.ts';
import type { CloudWorld } from '../../rehearsal/cloud/world.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { tables, type SimulatedCloud } from '../cloud.ts';
import type { Network } from '../network.ts';
import { functionsHost } from '../swarm.ts';
import type { SimulatedProcess, VirtualTime } from '../virtual-time.ts';
import { answered, type Steps } from '../worlds/answered.ts';
import { memoryStore } from '../worlds/desk.ts';
import type { Made } from './deployed.ts';
import { directClient } from './direct-client.ts';
import type { ExchangeKeys } from './exchange-keys.ts';

/** As the runtime's client has them. */
const sdkAttempts = 3;
/** Warm, or with a cold start. */
const startMs = { least: 2, most: 60, cold: 900, coldOneIn: 20 };
/** As the handler of the watch has it. */
const betweenLooksMs = 2500;
const namesIn = (list = ''): readonly string[] => list.split(',').filter((each) => each !== '');
const patience = (time: VirtualTime): Patience => ({ looks: 9, pause: () => time.pause(100) });
/** Lambda's own retries of an event, after a minute and after two, on the compressed clock. */
const eventRetriesMs = [1000, 2000];

export interface FunctionsOptions {
  readonly network: Network;
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly made: readonly Made[];
  /** The books of this installation. */
  readonly books: readonly BookName[];
  readonly cloud: () => SimulatedCloud;
  /** Of a Region: what its database says. */
  readonly database: (region: string) => Implementation<typeof databaseRecovery>;
  readonly keys: ExchangeKeys;
  readonly addresses: readonly string[];
  readonly onFailure: (process: string, error: string) => void;
}

export interface SimulatedFunctions extends ServiceModel {
  /** Those that run now, the oldest first. */
  readonly running: readonly SimulatedProcess[];
  /** It ends where it is: what it did is done, and nobody hears of it. */
  kill(process: SimulatedProcess): void;
}

interface Surroundings {
  readonly region: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly control: LeaseControl;
  readonly journal: Journal;
  readonly store: DynamoLeaseStore;
  /** Of the same role, in whatever Region. */
  readonly clients: (region: string) => Clients;
}

interface Clients {
  readonly secrets: SecretsManagerClient;
  readonly databases: RDSClient;
  readonly functions: LambdaClient;
  readonly parameters: SSMClient;
  readonly machines: SFNClient;
}

export function simulatedFunctions(world: CloudWorld, { time, network, random, made, books, cloud, database, keys, addresses, onFailure }: FunctionsOptions): SimulatedFunctions {
  const approvals = memoryStore();
  const byContract: readonly (readonly [FunctionContract, (of: Surroundings) => Steps])[] = [
    [leaseControl, ({ control }) => leaseSteps(control)],
    [cutoverInspection, ({ control, journal }) => inspectionSteps({
      control, acceptedOrders: acceptedOrdersIn(journal), figures: canaryFiguresIn(journal), books, now: () => new Date(), patience: patience(time),
    })],
    [bookOperations, ({ control, journal, variables }) =>
      operationSteps({ control, acceptedOrders: acceptedOrdersIn(journal), books, cutoverExecutions: variables['BATON_CUTOVER_EXECUTIONS']! })],
    [changeApprovals, ({ region }) => approvalSteps({
      environment: 'dev', region, required: 0, store: approvals, now: () => new Date(),
      prove: () => Promise.reject(new Error('nobody proves who he is where no approvals are wanted')),
    })],
    [recoveryControl, ({ control, journal }) => controlSteps({
      control, journal, books, patience: patience(time), nowMs: () => Date.now(), sleep: (ms) => time.pause(ms),
      answers: async (region) => world.outageOf(region) === undefined,
    })],
    [databaseRecovery, ({ region }) => database(region)],
    [switchoverControl, ({ control, region, variables }) =>
      switchoverSteps({ control, books, booksThatWrite: namesIn(variables['BATON_BOOKS_THAT_WRITE']), region, patience: patience(time) })],
    [otherRegion, ({ variables, clients }) => otherRegionSteps({
      here: variables['BATON_REGION']!, there: variables['BATON_OTHER_REGION']!, account: variables['BATON_ACCOUNT']!, database: variables['BATON_DATABASE']!,
      secrets: JSON.parse(variables['BATON_SECRETS']!) as readonly { readonly name: string; readonly keyAlias: string }[],
      in: (of) => regionApis(of, clients(of)),
      databaseFunction: (of) => calling(databaseRecovery, variables['BATON_DATABASE_FUNCTION']!, sendingTo(clients(of).functions)),
    })],
    [standbyControl, ({ control, region, variables }) => standbySteps({ control, books, booksThatWrite: namesIn(variables['BATON_BOOKS_THAT_WRITE']), region })],
    [regionWatch, ({ control, region, variables, clients }) => {
      const { databases, functions, parameters, machines } = clients(region);
      return watchSteps({
        control, books, booksThatWrite: namesIn(variables['BATON_BOOKS_THAT_WRITE']), region,
        ...watchedRegion({
          environment: variables['BATON_ENVIRONMENT']!, regions: variables['BATON_REGIONS']!.split(','), refreshMachineArn: variables['BATON_REFRESH_MACHINE']!, parameters, machines,
        }),
        database: watchedDatabase({
          identifier: variables['BATON_DATABASE']!, apis: databaseApi(databases), databases,
          ask: calling(databaseRecovery, variables['BATON_DATABASE_FUNCTION']!, sendingTo(functions)),
        }),
        pause: () => time.pause(betweenLooksMs), now: () => new Date(),
      });
    }],
    [keyRotation, ({ control, region, variables, store, clients }) => {
      const book = variables['BATON_BOOK'] as BookName;
      return rotationSteps({
        book, region, venue: variables['BATON_VENUE']!, policy: async () => ({ addresses }), provider: keys.provider(),
        graceHours: Number(variables['BATON_GRACE_HOURS']), unusedSeconds: Number(variables['BATON_UNUSED_SECONDS']),
        secret: keySecret(clients(region).secrets, variables['BATON_VENUE_SECRET']!, region),
        roster: keyRoster(new KeyRoster({ store, book, monotonicMs: () => performance.now(), pause: (ms) => time.pause(ms) })),
        // Its time does not come in a run.
        schedule: { put: async (_revocation, at) => at, due: async () => undefined },
        home: async () => (await control.read(book)).home,
        now: () => new Date(), pause: (seconds) => time.pause(seconds * 1000),
      });
    }],
    [releaseWorkflow, ({ control }) => lastNet({ control, notify: async () => undefined })],
  ];
  const served = new Map<string, { readonly name: string; readonly contract: FunctionContract; readonly steps: Steps }>();
  const running = new Map<SimulatedProcess, { readonly region: string; readonly fail: (error: Error) => void }>();

  function functionOf(name: string, region: string): { readonly name: string; readonly contract: FunctionContract; readonly steps: Steps } {
    const known = served.get(`${region} ${name}`);
    if (known !== undefined) return known;
    const declared = made.find((each) => each.type === 'AWS::Lambda::Function' && each.region === region && each.properties['FunctionName'] === name);
    const [contract, build] = byContract.find(([each]) => name.endsWith(`-${each.name}`)) ?? [];
    if (declared === undefined || contract === undefined || build === undefined) {
      throw new AwsError('ResourceNotFoundException', `Function not found: arn:aws:lambda:${region}:${world.accountId}:function:${name}; the seeds do not run it`);
    }
    // A warm environment keeps its client.
    const as = { maxAttempts: sdkAttempts, roleArn: String(declared.properties['Role']) };
    const client = cloud().client(() => time.running!, functionsHost, region, as);
    const kept = new Map<string, Clients>();
    const clients = (of: string): Clients => {
      const theirs = kept.get(of) ?? clientsOf(of);
      kept.set(of, theirs);
      return theirs;
    };
    const clientsOf = (of: string): Clients => {
      const configured = (service: string) => cloud().configuration(() => time.running!, functionsHost, of, { ...as, service });
      const direct = { world, network, process: () => time.running!, roleArn: as.roleArn, region: of };
      return {
        secrets: new SecretsManagerClient(configured('secretsmanager')), parameters: new SSMClient(configured('ssm')), machines: new SFNClient(configured('states')),
        databases: directClient(RDSClient.prototype, 'rds', direct), functions: directClient(LambdaClient.prototype, 'lambda', direct),
      };
    };
    const store = new DynamoLeaseStore({ client, tableName: tables.lease });
    const variables = (declared.properties['Environment'] as { readonly Variables: Readonly<Record<string, string>> }).Variables;
    const steps = build({
      region, variables, store, clients,
      control: new LeaseControl(store),
      journal: new Journal({ client, tableName: tables.journal }),
    });
    const found = { name: contract.name, contract, steps };
    served.set(`${region} ${name}`, found);
    return found;
  }

  async function invoked(name: string, region: string, event: unknown): Promise<Record<string, unknown>> {
    const { contract, steps, name: short } = functionOf(name, region);
    const payload = contract === releaseWorkflow ? ended(event) : event;
    // Whoever asks is a state machine's execution, or what EventBridge heard of one.
    const process = time.process(`${short} of ${time.running?.name ?? 'nobody'}`, { driftPpm: 0 });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // It may end while it starts, when nobody waits for it yet.
    promise.catch(() => undefined);
    const end = (how: () => void): void => {
      if (!running.delete(process)) return;
      process.alive = false;
      how();
    };
    running.set(process, { region, fail: (error) => end(() => reject(error)) });
    const cold = random() < 1 / startMs.coldOneIn ? startMs.cold : 0;
    await time.pause(cold + startMs.least + random() * (startMs.most - startMs.least));
    const tooLate = time.after(contract.timeoutSeconds * 1000, () =>
      end(() => reject(new TaskFailure('Sandbox.Timedout', JSON.stringify({ errorType: 'Sandbox.Timedout', errorMessage: `Task timed out after ${contract.timeoutSeconds}.00 seconds` })))));
    if (running.has(process)) {
      process.run(() => {
        answered(contract, steps, payload).then((answer) => end(() => resolve(answer)), (error: unknown) => end(() => reject(error)));
      });
    }
    try {
      return { StatusCode: 200, Payload: Buffer.from(JSON.stringify(await promise)) };
    } catch (error) {
      if (!(error instanceof TaskFailure)) throw error;
      onFailure(process.name, error.message);
      return { StatusCode: 200, FunctionError: 'Unhandled', Payload: Buffer.from(error.cause) };
    } finally {
      tooLate();
    }
  }

  async function asEvent(name: string, region: string, payload: unknown): Promise<void> {
    for (const waitMs of [...eventRetriesMs, undefined]) {
      const answer = await invoked(name, region, payload).catch((error: unknown) => ({ FunctionError: String(error) }));
      if (!('FunctionError' in answer) || waitMs === undefined) return;
      await time.pause(waitMs);
      await world.whenBack(region);
    }
  }

  return {
    service: 'lambda',
    operations: {
      Invoke: async ({ FunctionName, Payload, InvocationType }: { FunctionName: string; Payload: Uint8Array | string; InvocationType?: string }, { region }) => {
        const parts = FunctionName.split(':');
        const name = parts[parts.indexOf('function') + 1] ?? '';
        const payload = JSON.parse(typeof Payload === 'string' ? Payload : Buffer.from(Payload).toString()) as unknown;
        if (InvocationType !== 'Event') return invoked(name, region, payload);
        void asEvent(name, region, payload);
        return { StatusCode: 202 };
      },
    },
    get running() {
      return [...running.keys()];
    },
    kill(process) {
      running.get(process)?.fail(new TaskFailure('Runtime.ExitError', JSON.stringify({ errorType: 'Runtime.ExitError', errorMessage: 'Runtime exited without providing a reason' })));
    },
    async regionLost(region) {
      for (const { region: of, fail } of running.values()) if (of === region) fail(new RegionDarkError(region));
    },
  };
}

/** What its handler makes of what EventBridge says. */
function ended(event: unknown): unknown {
  const { executionArn, status, input } = ExecutionEnded.parse(event).detail;
  return { step: 'release', execution: executionArn, status, request: input };
}
