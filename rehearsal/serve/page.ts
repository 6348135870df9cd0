/**
 * The page's server side: the page, its live part as server-sent events, and its buttons. It shares the address of the
 * local AWS, whose requests are signed; those that are not come here.
 *
 * Buttons do harm, and any page that is open in a browser can send requests to 127.0.0.1. So every request must name this
 * address as its host (another name that leads here is refused), and a button must come from this very page: the same
 * origin, and the token that only the page has.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Controls } from './controls.ts';
import type { Now, Watch } from './live.ts';
import { livePart, pageOf } from './view.ts';

export interface PageOptions {
  readonly title: string;
  /** Where it is served, `http://127.0.0.1:port`. */
  readonly origin: string;
  readonly watch: Pick<Watch, 'look'>;
  readonly controls: Pick<Controls, 'list'>;
  /** Shown on the page as they are: nothing secret. */
  readonly commands: string;
  /** What became of a button. */
  readonly onNote: (text: string) => void;
}

const everyMs = 500;
const formBytesMax = 4096;

class RefusedRequest extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class Page {
  readonly #options: PageOptions;
  readonly #hosts: ReadonlySet<string>;
  readonly #token = randomBytes(24).toString('base64url');
  readonly #style: string;
  readonly #script: string;
  readonly #listeners = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: PageOptions, style: string, script: string) {
    this.#options = options;
    const { host, port } = new URL(options.origin);
    this.#hosts = new Set([host, `localhost:${port}`]);
    this.#style = style;
    this.#script = script;
  }

  static async open(options: PageOptions): Promise<Page> {
    const file = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8');
    return new Page(options, await file('style.css'), await file('browser.js'));
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => {
      const status = error instanceof RefusedRequest ? error.status : 500;
      if (!response.headersSent) response.writeHead(status, { ...always, 'content-type': 'text/plain; charset=utf-8' });
      response.end(error instanceof Error ? error.message : String(error));
    });
  }

  close(): void {
    clearInterval(this.#timer);
    for (const listener of this.#listeners) listener.end();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host = '', origin, 'sec-fetch-site': site = 'none' } = request.headers;
    if (!this.#hosts.has(host)) {
      throw new RefusedRequest(421, `This is a rehearsal at ${this.#options.origin}, not '${host}'. Open it by that address; calls of AWS must be signed.`);
    }
    const asked = `${request.method} ${request.url?.split('?')[0]}`;
    // Typed in or from here: a link or an image on another site is neither.
    if (!['none', 'same-origin'].includes(site)) throw new RefusedRequest(403, 'Another site asked for this: open the page itself.');
    if (asked === 'GET /') return this.#page(response);
    if (asked === 'GET /live') return this.#listen(response);
    if (asked !== 'POST /control') {
      throw new RefusedRequest(404, `There is nothing at ${asked}: the page is at /, and calls of AWS must be signed with an access key.`);
    }
    if (origin !== `http://${host}`) throw new RefusedRequest(403, 'A button must be pressed on the page itself: the request has another origin, or none.');
    const form = new URLSearchParams(await bodyOf(request));
    if (!this.#isToken(form.get('token') ?? '')) throw new RefusedRequest(403, 'The page is of an earlier rehearsal: load it again.');
    this.#press(form.get('control') ?? '');
    response.writeHead(303, { ...always, location: '/' }).end();
  }

  #isToken(given: string): boolean {
    const [one, other] = [Buffer.from(given), Buffer.from(this.#token)];
    return one.length === other.length && timingSafeEqual(one, other);
  }

  #press(name: string): void {
    const { controls, onNote } = this.#options;
    const control = controls.list.find((each) => each.name === name);
    if (control === undefined) throw new RefusedRequest(400, `There is no button '${name}'; there are: ${controls.list.map((each) => each.name).join(', ')}.`);
    // The press is answered at once; how it went is seen on the page and said in the terminal.
    control.run().then(
      (outcome) => onNote(`${control.label}: ${outcome}`),
      (error: unknown) => onNote(`${control.label}: ${error instanceof Error ? error.message : String(error)}`),
    );
  }

  async #page(response: ServerResponse): Promise<void> {
    const { title, controls, commands, watch } = this.#options;
    const nonce = randomBytes(16).toString('base64');
    const policy = [
      "default-src 'none'", `style-src 'nonce-${nonce}'`, `script-src 'nonce-${nonce}'`, "connect-src 'self'", "form-action 'self'", "base-uri 'none'",
      "frame-ancestors 'none'",
    ];
    const body = pageOf({
      title, nonce, token: this.#token, style: this.#style, script: this.#script, controls: controls.list, commands, now: await watch.look(),
    });
    response.writeHead(200, { ...always, 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy.join('; ') }).end(body);
  }

  #listen(response: ServerResponse): void {
    response.writeHead(200, { ...always, 'content-type': 'text/event-stream' });
    this.#listeners.add(response);
    response.once('close', () => {
      this.#listeners.delete(response);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    const say = (): void => void this.#options.watch.look().then((now) => this.#tell(now), () => undefined);
    say();
    this.#timer ??= setInterval(say, everyMs);
  }

  #tell(now: Now): void {
    const event = `data: ${JSON.stringify(livePart(now).text)}\n\n`;
    for (const listener of this.#listeners) listener.write(event);
  }
}

/** `same-origin` and not less: without any referrer a browser calls the origin of a form `null`. */
const always = {
  'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > formBytesMax) throw new RefusedRequest(413, `A form of the page has no more than ${formBytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
