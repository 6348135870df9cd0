/**
 * The words in which a state machine is written here: JSONata states with a comment each, tasks with a
 * time-out each, catches that can name only declared errors, loops that declare their bound.
 * What was declared is kept beside the states, for the checks at synth (checks.ts).
 */
import { Duration } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import * as tasks from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { FunctionContract, StepContract, StepError, StepInput, StepName, StepOutput, StepRefusal } from '../contracts/step.ts';
import type { InvokedFunction } from '../constructs/function.ts';

declare const brand: unique symbol;
/** A JSONata expression in its delimiters. */
export type Jsonata = string & { readonly [brand]: 'Jsonata' };

/** In one line: the validators of the language take no other. */
export function js(expression: string): Jsonata {
  return `{% ${expression.trim().replaceAll(/\s*\n\s*/g, ' ')} %}` as Jsonata;
}

/** Text as a JSONata literal. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

type OrJsonata<T> =
  | Jsonata
  | (T extends readonly (infer Item)[] ? readonly OrJsonata<Item>[] : T extends object ? { readonly [K in keyof T]: OrJsonata<T[K]> } : T);
type References<T> = { readonly [K in keyof T]: Jsonata };
export type Assignment = Readonly<Record<string, unknown>>;

/**
 * Where a caught error goes. It leaves the reason in $why, or in another variable (a branch cannot assign to one of the
 * machine around it), unless `quietly`: then it was no failure.
 */
export type CatchTarget = sfn.IChainable | { readonly quietly: sfn.IChainable } | { readonly into: string; readonly next: sfn.IChainable };
export type Catches<ErrorName extends string> = { readonly [Name in ErrorName | 'States.ALL']?: CatchTarget };

/** Where a step that can be refused goes on when it is: by a Choice of this name, with the reason in `$why`, or in another variable. */
export interface Refused {
  readonly judge: string;
  readonly next: sfn.IChainable;
  readonly into?: string;
}
type HasRefusals<S extends StepContract> = [StepRefusal<S>] extends [never] ? false : true;

interface StateOptions {
  readonly comment: string;
  readonly assign?: Assignment;
}

export interface Answer {
  readonly when: Jsonata;
  readonly next: sfn.IChainable;
  readonly comment: string;
  readonly assign?: Assignment;
}

/** A declared cycle: the edge `last → first` closes it. */
export interface Loop {
  /** The state that enters the loop, and to which its cost is charged. */
  readonly begin: string;
  readonly first: string;
  readonly last: string;
  /** Either so long, and then one round more at most, or so many rounds. */
  readonly bound: { readonly limitSeconds: number; readonly everySeconds: number } | { readonly rounds: number };
}

export interface Declarations {
  readonly loops: readonly Loop[];
  /** The errors each state can end with, by the state's name: its task's own, or a branch's Fail. */
  readonly errors: ReadonlyMap<string, readonly string[]>;
  /** The most items that each Map can have, by the state's name. */
  readonly itemsMax: ReadonlyMap<string, number>;
}

/**
 * Lambda's own passing faults: the function did not run, its answer was lost, or it hung. It may have done its work all the
 * same: every step is one that may run twice.
 */
const lambdaFaults = [
  'Lambda.ClientExecutionTimeoutException', 'Lambda.ServiceException', 'Lambda.AWSLambdaException', 'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException', 'Lambda.Unknown', 'Sandbox.Timedout',
  // The process ended under it, of a machine that failed or of memory.
  'Runtime.ExitError',
];
/** What throttling is called by those services whose SDK has a name for it; the others fail with their general error. */
const throttlings: Readonly<Record<string, string>> = { sns: 'Sns.ThrottledException', ssm: 'Ssm.ThrottlingException' };
/** 1 s, then 2 s: two repeats outlive a throttled second and keep the worst path short. */
const retryPause = { interval: Duration.seconds(1), backoffRate: 2, maxAttempts: 2 };
/** 2 s, 3 s, 4.5 s …: four minutes in all. */
const busyPause = { interval: Duration.seconds(2), backoffRate: 1.5, maxAttempts: 10 };
/** The platform may take so long to start a function beyond the function's own time-out. */
const startAllowanceSeconds = 5;
const apiTimeoutSeconds = 10;

/** What an API's errors begin with, where it is not its name with a capital. */
const errorFamilies: Readonly<Record<string, string>> = { dynamodb: 'DynamoDb', elasticache: 'ElastiCache' };

const elapsedMs = (since: string): string => `($toMillis($states.context.State.EnteredTime) - $${since})`;

/**
 * What went wrong in words: a handler's own message, or the error's name and cause. Lambda's cause is JSON, taken
 * apart as text: to parse it could fail, and a failing catcher catches nothing.
 */
function reasonOf(state: string): Jsonata {
  const marker = quoted('"errorMessage":"');
  const message = `$substringBefore($substringAfter($states.errorOutput.Cause, ${marker}), ${quoted('","')})`;
  return js(`${quoted(`${state}: `)} & (
    $contains($string($states.errorOutput.Cause), ${marker})
      ? $replace(${message}, ${quoted('\\"')}, ${quoted('"')})
      : $states.errorOutput.Error & ' ' & $states.errorOutput.Cause
  )`);
}

export class Workflow {
  readonly #scope: Construct;
  readonly #loops: Loop[] = [];
  readonly #errors = new Map<string, readonly string[]>();
  readonly #itemsMax = new Map<string, number>();

  constructor(scope: Construct) {
    this.#scope = scope;
  }

  get declarations(): Declarations {
    return { loops: this.#loops, errors: this.#errors, itemsMax: this.#itemsMax };
  }

  /**
   * A step of a contract. `assign` gets typed references to the fields of its answer, and to the whole of it. Where the contract
   * knows refusals, a Choice follows that reads whether the answer is one.
   */
  invoke<C extends FunctionContract, N extends StepName<C>>(
    name: string,
    target: InvokedFunction<C>,
    step: N,
    options: {
      readonly comment: string;
      readonly input: { readonly [K in keyof StepInput<C['steps'][N]>]: OrJsonata<StepInput<C['steps'][N]>[K]> };
      readonly assign?: (answer: References<StepOutput<C['steps'][N]>>, whole: Jsonata) => Assignment;
      /** Kept by the task itself, whatever it answers: of the moment of the call, where a redrive may come before its answer is read. */
      readonly keep?: Assignment;
      readonly catches?: Catches<StepError<C['steps'][N]>>;
      /** Of a function that does one thing at a time: it is waited for while it does another, for as long as it may take. */
      readonly whileBusy?: true;
    } & (HasRefusals<C['steps'][N]> extends true ? { readonly refused: Refused } : { readonly refused?: never }),
  ): HasRefusals<C['steps'][N]> extends true ? sfn.Chain : tasks.LambdaInvoke {
    const { contract } = target;
    const { refused } = options;
    const assigned = (path: string): Assignment => options.assign?.(references(path), js(path)) ?? {};
    const declared = Object.entries((contract.steps[step] as StepContract).errors).filter(([, kind]) => kind !== 'refusal');
    const task = tasks.LambdaInvoke.jsonata(this.#scope, name, {
      comment: options.comment,
      lambdaFunction: target.function as lambda.IFunction,
      payload: sfn.TaskInput.fromObject({ step, ...options.input }),
      taskTimeout: sfn.Timeout.duration(Duration.seconds(contract.timeoutSeconds + startAllowanceSeconds)),
      retryOnServiceExceptions: false,
      outputs: js('$states.result.Payload'),
      ...assignOf({ assign: { ...options.keep, ...(refused === undefined && assigned('$states.result.Payload')) } }),
    });
    if (options.whileBusy === true) task.addRetry({ errors: ['Lambda.TooManyRequestsException'], ...busyPause });
    const repeatable = declared.flatMap(([error, retryability]) => (retryability === 'retry' ? [error] : []));
    task.addRetry({ errors: [...repeatable, ...lambdaFaults, sfn.Errors.TIMEOUT], ...retryPause });
    this.#errors.set(name, declared.map(([error]) => error));
    this.#addCatches(name, task, options.catches ?? {});
    const entered = refused === undefined ? task : this.#unlessRefused(task, name, refused, assigned('$states.input'));
    return entered as HasRefusals<C['steps'][N]> extends true ? sfn.Chain : tasks.LambdaInvoke;
  }

  /** The chain that goes on with the answer that was wanted. */
  #unlessRefused(task: tasks.LambdaInvoke, name: string, { judge, next, into = 'why' }: Refused, assign: Assignment): sfn.Chain {
    const choice = sfn.Choice.jsonata(this.#scope, judge, { comment: 'A refusal is an answer: nothing has failed.', ...assignOf({ assign }) });
    choice.when(sfn.Condition.jsonata(js('$exists($states.input.refusal)')), next, {
      comment: 'It was refused.', assign: { [into]: js(`${quoted(`${name}: `)} & $states.input.refusal.message`) },
    });
    task.next(choice);
    const goOn: sfn.INextable = {
      next: (then) => {
        choice.otherwise(then);
        return sfn.Chain.custom(task, then.endStates, then);
      },
    };
    return sfn.Chain.custom(task, [goOn], goOn as unknown as sfn.IChainable);
  }

  /** A plain call of an AWS API. `errors` are the API's own that this machine treats specially. */
  call<const E extends string = never>(
    name: string,
    options: {
      readonly comment: string;
      readonly service: string;
      /** As the API writes it; the integration wants the first letter small. */
      readonly action: string;
      readonly parameters: Readonly<Record<string, unknown>>;
      readonly resources: readonly string[];
      readonly iamAction?: string;
      readonly statements?: readonly iam.PolicyStatement[];
      readonly errors?: readonly E[];
      /** One of them only means that it is too early: asked again so often. */
      readonly tooEarly?: { readonly error: E; readonly everySeconds: number; readonly times: number };
      readonly catches?: Catches<E>;
      readonly assign?: Assignment;
      readonly outputs?: Jsonata;
    },
  ): tasks.CallAwsService {
    const { service, action } = options;
    const task = tasks.CallAwsService.jsonata(this.#scope, name, {
      comment: options.comment,
      service,
      action: action.charAt(0).toLowerCase() + action.slice(1),
      parameters: { ...options.parameters },
      iamResources: [...options.resources],
      iamAction: options.iamAction ?? `${service}:${action}`,
      taskTimeout: sfn.Timeout.duration(Duration.seconds(apiTimeoutSeconds)),
      ...(options.statements && { additionalIamStatements: [...options.statements] }),
      ...(options.assign && { assign: { ...options.assign } }),
      ...(options.outputs && { outputs: options.outputs }),
    });
    // The SDK's own name for a lost connection, and its name for a refusal it has no word for (throttling).
    const family = errorFamilies[service] ?? service.charAt(0).toUpperCase() + service.slice(1);
    const throttling = throttlings[service] === undefined ? [] : [throttlings[service]];
    task.addRetry({ errors: [`${family}.SdkClientException`, `${family}.${family}Exception`, ...throttling, sfn.Errors.TIMEOUT], ...retryPause });
    if (options.tooEarly !== undefined) {
      const { error, everySeconds, times } = options.tooEarly;
      task.addRetry({ errors: [error], interval: Duration.seconds(everySeconds), backoffRate: 1, maxAttempts: times });
    }
    this.#errors.set(name, options.errors ?? []);
    this.#addCatches(name, task, options.catches ?? {});
    return task;
  }

  /** Tells people what is wanted of them, and waits for the one who answers with the task's token: `$states.context.Task.Token`. */
  ask(
    name: string,
    options: {
      readonly comment: string;
      readonly topicArn: string;
      readonly subject: Jsonata;
      readonly message: Jsonata;
      readonly withinSeconds: number;
      /** `States.Timeout` where nobody answered; any other error is somebody's no, under the name that they gave it. */
      readonly catches: Catches<never> & { readonly 'States.ALL': CatchTarget };
    },
  ): tasks.CallAwsService {
    const task = tasks.CallAwsService.jsonata(this.#scope, name, {
      comment: options.comment,
      service: 'sns',
      action: 'publish',
      integrationPattern: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
      parameters: { TopicArn: options.topicArn, Subject: options.subject, Message: options.message },
      iamResources: [options.topicArn],
      taskTimeout: sfn.Timeout.duration(Duration.seconds(options.withinSeconds)),
    });
    task.addRetry({ errors: ['Sns.SdkClientException', 'Sns.SnsException', 'Sns.ThrottledException'], ...retryPause });
    this.#errors.set(name, []);
    this.#addCatches(name, task, options.catches);
    return task;
  }

  parallel(
    name: string,
    options: StateOptions & { readonly branches: readonly sfn.IChainable[]; readonly catches: Catches<string> },
  ): sfn.Parallel {
    const parallel = sfn.Parallel.jsonata(this.#scope, name, { comment: options.comment, ...assignOf(options) });
    parallel.branch(...options.branches);
    this.#addCatches(name, parallel, options.catches);
    return parallel;
  }

  forEach(
    name: string,
    options: StateOptions & {
      readonly items: Jsonata;
      readonly itemsMax: number;
      readonly body: sfn.IChainable;
      readonly catches?: Catches<string>;
    },
  ): sfn.Map {
    const map = sfn.Map.jsonata(this.#scope, name, {
      comment: options.comment, items: sfn.ProvideItems.jsonata(options.items), ...assignOf(options),
    });
    map.itemProcessor(options.body);
    this.#itemsMax.set(name, options.itemsMax);
    this.#addCatches(name, map, options.catches ?? {});
    return map;
  }

  pass(name: string, options: StateOptions & { readonly outputs?: Jsonata }): sfn.Pass {
    return sfn.Pass.jsonata(this.#scope, name, {
      comment: options.comment,
      ...assignOf(options),
      ...(options.outputs && { outputs: options.outputs }),
    });
  }

  wait(name: string, options: StateOptions & { readonly seconds: number }): sfn.Wait {
    return sfn.Wait.jsonata(this.#scope, name, {
      comment: options.comment,
      time: sfn.WaitTime.duration(Duration.seconds(options.seconds)),
    });
  }

  choice(name: string, options: StateOptions & { readonly answers: readonly Answer[]; readonly otherwise: sfn.IChainable }): sfn.Choice {
    const choice = sfn.Choice.jsonata(this.#scope, name, { comment: options.comment });
    for (const answer of options.answers) {
      choice.when(sfn.Condition.jsonata(answer.when), answer.next, { comment: answer.comment, ...assignOf(answer) });
    }
    choice.otherwise(options.otherwise);
    return choice;
  }

  fail(name: string, options: { readonly comment: string; readonly error: string; readonly cause: Jsonata }): sfn.Fail {
    this.#errors.set(name, [options.error]);
    return sfn.Fail.jsonata(this.#scope, name, { comment: options.comment, error: options.error, cause: options.cause });
  }

  succeed(name: string, options: { readonly comment: string; readonly outputs: Jsonata }): sfn.Succeed {
    return sfn.Succeed.jsonata(this.#scope, name, { comment: options.comment, outputs: options.outputs });
  }

  /**
   * Asks, judges, pauses, asks again, until an answer fits or the time is over. The time is read on one clock
   * only, that of the state machine itself. Returns the state to enter it by.
   */
  poll(options: {
    readonly begin: string;
    /** Keeps when the loop began, in ms. */
    readonly since: string;
    readonly ask: sfn.INextable & sfn.IChainable;
    /** The state that begins each round and leads to `ask`, when that is not `ask` itself. */
    readonly first?: sfn.State;
    readonly judge: string;
    readonly judgeComment: string;
    readonly answers: readonly Answer[];
    readonly tooLate: Omit<Answer, 'when'>;
    /** Done before each pause. */
    readonly meanwhile?: sfn.INextable & sfn.State;
    readonly pause: string;
    readonly everySeconds: number;
    readonly limitSeconds: number;
  }): sfn.Pass {
    const { ask, limitSeconds, since, meanwhile, first = ask.startState } = options;
    const begin = this.pass(options.begin, {
      comment: `From here it may take ${limitSeconds} s.`,
      assign: { [since]: js('$toMillis($states.context.State.EnteredTime)') },
    });
    const pause = this.wait(options.pause, { comment: `Asks every ${options.everySeconds} s.`, seconds: options.everySeconds });
    const judge = this.choice(options.judge, {
      comment: options.judgeComment,
      answers: [...options.answers, { ...options.tooLate, when: js(`${elapsedMs(since)} >= ${limitSeconds * 1000}`) }],
      otherwise: meanwhile ?? pause,
    });
    begin.next(first);
    ask.next(judge);
    meanwhile?.next(pause);
    pause.next(first);
    this.#loops.push({ begin: options.begin, first: first.stateId, last: options.pause, bound: { limitSeconds, everySeconds: options.everySeconds } });
    return begin;
  }

  /** Pauses, asks and judges so many times, and goes on when every answer was good. */
  rounds(options: {
    readonly begin: string;
    /** Counts the rounds done. */
    readonly counter: string;
    readonly pause: string;
    readonly pauseSeconds: number;
    readonly ask: sfn.INextable & sfn.State;
    readonly judge: string;
    readonly judgeComment: string;
    /** Rules that end the loop early. */
    readonly answers: readonly Answer[];
    readonly good: Jsonata;
    readonly bad: sfn.IChainable;
    readonly rounds: number;
    readonly done: sfn.IChainable;
  }): sfn.Pass {
    const { counter, rounds, ask } = options;
    const begin = this.pass(options.begin, { comment: `${rounds} looks, ${options.pauseSeconds} s apart.`, assign: { [counter]: 0 } });
    const pause = this.wait(options.pause, { comment: `Looks every ${options.pauseSeconds} s.`, seconds: options.pauseSeconds });
    const good = options.good.slice(2, -2);
    const judge = this.choice(options.judge, {
      comment: options.judgeComment,
      answers: [
        ...options.answers,
        { when: js(`${good} and $${counter} + 1 >= ${rounds}`), next: options.done, comment: 'That was the last look.' },
        { when: options.good, next: pause, comment: 'So far so good.', assign: { [counter]: js(`$${counter} + 1`) } },
      ],
      otherwise: options.bad,
    });
    begin.next(pause);
    pause.next(ask);
    ask.next(judge);
    this.#loops.push({ begin: options.begin, first: options.pause, last: options.judge, bound: { rounds } });
    return begin;
  }

  #addCatches(name: string, state: tasks.LambdaInvoke | tasks.CallAwsService | sfn.Parallel | sfn.Map, catches: Catches<string>): void {
    // One catcher for each target; States.ALL must stand alone and last.
    const byTarget = new Map<CatchTarget, string[]>();
    for (const [error, target] of Object.entries(catches)) {
      if (target === undefined || error === 'States.ALL') continue;
      byTarget.set(target, [...(byTarget.get(target) ?? []), error]);
    }
    const all = catches['States.ALL'];
    for (const [target, errors] of byTarget) add(target, errors);
    if (all !== undefined) add(all, ['States.ALL']);

    function add(target: CatchTarget, errors: string[]): void {
      if ('quietly' in target) state.addCatch(target.quietly, { errors });
      else if ('into' in target) state.addCatch(target.next, { errors, assign: { [target.into]: reasonOf(name) } });
      else state.addCatch(target, { errors, assign: { why: reasonOf(name) } });
    }
  }
}

function assignOf({ assign }: { readonly assign?: Assignment }): { assign?: Record<string, unknown> } {
  return assign === undefined || Object.keys(assign).length === 0 ? {} : { assign: { ...assign } };
}

/** `answer.token` becomes `{% $states.result.Payload.token %}`: a field that the contract lacks does not compile. */
function references<T>(path: string): References<T> {
  return new Proxy({} as References<T>, { get: (_, field) => js(`${path}.${String(field)}`) });
}
