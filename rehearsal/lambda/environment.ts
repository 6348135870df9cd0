/**
 * One execution environment of a function: a process of its own behind the Runtime API, which serves one
 * invocation at a time and stays warm between them.
 * Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { listenLocally } from '../processes/listen.ts';

export interface EnvironmentOptions {
  readonly functionArn: string;
  /** The unpacked bundle. */
  readonly codeDirectory: string;
  /** `<file>.<export>`. */
  readonly handler: string;
  /** All that the process sees, but for PATH and the address of its Runtime API. */
  readonly variables: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly onLine: (line: string) => void;
}

export interface Invocation {
  readonly requestId: string;
  /** JSON. */
  readonly event: string;
  readonly timeoutSeconds: number;
}

export interface InvocationOutcome {
  /** JSON: what the handler returned, or `{ errorType, errorMessage, trace }`. */
  readonly payload: string;
  readonly failed: boolean;
  readonly durationMs: number;
  /** From the start of the process to its first request for an event; only of the first invocation. */
  readonly initMs?: number;
  /** Highest resident memory of the process so far; unknown when it was killed. */
  readonly maxMemoryMb?: number;
}

/** What Lambda gives the start of a function before its own time-out counts: 10 s. */
const initTimeoutMs = 10_000;

const bootstrap = fileURLToPath(new URL('bootstrap.mjs', import.meta.url));

interface Current {
  readonly invocation: Invocation;
  readonly resolve: (outcome: InvocationOutcome) => void;
  /** When the process was given the event; until then, when it was asked for. */
  givenMs: number;
  timer: NodeJS.Timeout;
}

export class ExecutionEnvironment {
  readonly #options: EnvironmentOptions;
  readonly #server: Server;
  readonly #startedMs = performance.now();
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  /** The process's open request for an event. */
  #asking: ServerResponse | undefined;
  #current: Current | undefined;
  #initMs: number | undefined;
  #initReported = false;
  #alive = true;

  private constructor(options: EnvironmentOptions) {
    this.#options = options;
    // Never closed for being idle: a process that was held up for longer than Node's 5 s would answer into a closed connection.
    this.#server = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#serve(request, response));
  }

  /** Cold start: the process is on its way; an invocation may be given at once. */
  static async start(options: EnvironmentOptions): Promise<ExecutionEnvironment> {
    const environment = new ExecutionEnvironment(options);
    await listenLocally(environment.#server);
    environment.#spawn();
    return environment;
  }

  /** Whether it can take further invocations. */
  get alive(): boolean {
    return this.#alive;
  }

  /** Runs one event. Never rejects for what the function does; call again only after it has answered. */
  invoke(invocation: Invocation): Promise<InvocationOutcome> {
    if (this.#current !== undefined) throw new Error('An execution environment serves one invocation at a time');
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#overrun(initTimeoutMs), initTimeoutMs);
      this.#current = { invocation, resolve, givenMs: performance.now(), timer };
      if (this.#alive) this.#give();
      else this.#fail('Runtime.ExitError', 'Runtime exited without providing a reason');
    });
  }

  /** Ends the process; resolves when it is gone. */
  async close(): Promise<void> {
    this.#end();
    await this.#exited;
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #spawn(): void {
    const { codeDirectory, handler, variables, memoryMb, onLine } = this.#options;
    const { port } = this.#server.address() as AddressInfo;
    const child = spawn(process.execPath, [`--max-old-space-size=${Math.max(64, Math.floor(memoryMb * 0.9))}`, bootstrap], {
      cwd: codeDirectory,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        LAMBDA_TASK_ROOT: codeDirectory,
        _HANDLER: handler,
        ...variables,
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      },
    });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => this.#gone(`could not be started: ${error.message}`, resolve));
      child.once('exit', (code, signal) =>
        this.#gone(signal === null ? `exit status ${code}` : `signal: ${signal === 'SIGKILL' ? 'killed' : signal}`, resolve),
      );
    });
  }

  #gone(how: string, resolve: () => void): void {
    this.#alive = false;
    this.#fail('Runtime.ExitError', `Runtime exited with error: ${how}`);
    resolve();
  }

  #end(): void {
    this.#alive = false;
    this.#child?.kill('SIGKILL');
  }

  /** Hands the event to the process once both are there; the function's time runs from here. */
  #give(): void {
    const current = this.#current;
    const response = this.#asking;
    if (current === undefined || response === undefined) return;
    const { requestId, event, timeoutSeconds } = current.invocation;
    const timeoutMs = timeoutSeconds * 1000;
    this.#asking = undefined;
    clearTimeout(current.timer);
    current.timer = setTimeout(() => this.#overrun(timeoutMs), timeoutMs);
    current.givenMs = performance.now();
    response.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': requestId,
      'lambda-runtime-deadline-ms': String(Date.now() + timeoutMs),
      'lambda-runtime-invoked-function-arn': this.#options.functionArn,
      'lambda-runtime-trace-id': `Root=1-00000000-${requestId.replaceAll('-', '').slice(0, 24)}`,
    });
    response.end(event);
  }

  #overrun(timeoutMs: number): void {
    this.#end();
    this.#fail('Sandbox.Timedout', `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`);
  }

  /** The environment failed, not the handler. */
  #fail(errorType: string, what: string): void {
    const requestId = this.#current?.invocation.requestId;
    this.#settle(JSON.stringify({ errorType, errorMessage: `RequestId: ${requestId} Error: ${what}` }), true);
  }

  #settle(payload: string, failed: boolean, maxRssKb?: number): void {
    const current = this.#current;
    if (current === undefined) return;
    clearTimeout(current.timer);
    this.#current = undefined;
    const initMs = this.#initReported ? undefined : this.#initMs;
    this.#initReported = true;
    current.resolve({
      payload,
      failed,
      durationMs: performance.now() - current.givenMs,
      ...(initMs === undefined ? {} : { initMs }),
      ...(maxRssKb === undefined ? {} : { maxMemoryMb: Math.ceil(maxRssKb / 1024) }),
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://runtime');
    const resource = url.pathname.replace('/2018-06-01/runtime/', '');
    if (resource === 'invocation/next') {
      this.#initMs ??= performance.now() - this.#startedMs;
      this.#asking = response;
      this.#give();
      return;
    }
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // The process was killed while it answered; its end settles the invocation.
    }
    const body = Buffer.concat(chunks).toString();
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}');
    if (resource === 'init/error') {
      this.#alive = false;
      this.#settle(body, true);
      return;
    }
    const [, requestId, outcome] = /^invocation\/([^/]+)\/(response|error)$/.exec(resource) ?? [];
    if (requestId !== this.#current?.invocation.requestId) return;
    this.#settle(body, outcome === 'error', Number(url.searchParams.get('maxRssKb')));
  }
}
