/**
 * A local server of one venue's keys: what all of them share. Each venue's test adds its paths, how it checks signatures, and its words,
 * from its public documentation.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { listenLocally } from '../../../rehearsal/processes/listen.ts';

export interface ServedKey {
  readonly apiKey: string;
  /** Shared with the client; none of a key whose public half is here. */
  readonly secret?: string;
  readonly publicKey?: string;
  readonly passphrase?: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly readOnly?: boolean;
  /** Makes and deletes keys. */
  readonly manages?: boolean;
  readonly createdAtMs: number;
  lastUsedAtMs?: number;
}

export interface SeenRequest {
  readonly method: string;
  /** As it came: what signatures are made of. */
  readonly path: string;
  readonly query: string;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
  /** Of the query, and of a form. */
  readonly parameters: URLSearchParams;
}

export class Answered extends Error {
  readonly status: number;
  readonly answer: unknown;
  constructor(status: number, answer: unknown) {
    super(`answered ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

/** How a venue answers: its public paths, and those for which `authenticate` finds the key, or throws what is answered instead. */
export interface VenueWays {
  readonly open: Readonly<Record<string, (request: SeenRequest, server: KeyServer) => unknown>>;
  readonly signed: Readonly<Record<string, (request: SeenRequest, key: ServedKey, server: KeyServer) => unknown>>;
  readonly authenticate: (request: SeenRequest, server: KeyServer) => ServedKey;
  /** For a key that may not. */
  readonly forbidden: (key: ServedKey) => Answered;
  /** Signed paths that need more than to look. */
  readonly trades: readonly string[];
  readonly manages: readonly string[];
}

export class KeyServer {
  readonly keys = new Map<string, ServedKey>();
  /** Resting, by their ids. */
  readonly orders = new Map<string, Record<string, unknown>>();
  readonly requests: SeenRequest[] = [];
  /** What was asked for and is not served. */
  readonly missing: string[] = [];
  /** The next answer of this path is lost, after the venue has acted. */
  silentOnce: string | undefined;
  url = '';
  #close: () => Promise<void> = async () => undefined;

  async start(ways: VenueWays): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const [path = '', query = ''] = (request.url ?? '').split('?');
        const body = Buffer.concat(chunks).toString();
        const isForm = request.headers['content-type']?.includes('form') === true;
        const seen: SeenRequest = {
          method: request.method ?? '', path, query, body, headers: request.headers, address: request.socket.remoteAddress ?? '',
          parameters: new URLSearchParams(isForm ? body : query),
        };
        this.requests.push(seen);
        const { status, answer } = this.#decide(seen, ways);
        if (this.silentOnce === `${seen.method} ${path}`) {
          this.silentOnce = undefined;
          request.socket.destroy();
          return;
        }
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    });
    this.url = `http://127.0.0.1:${await listenLocally(server)}`;
    this.#close = () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** What the venue makes: another key at each call. */
  add(key: Partial<ServedKey>): ServedKey {
    const made: ServedKey = {
      apiKey: randomBytes(8).toString('hex'), name: '', addresses: [], createdAtMs: 1_700_000_000_000,
      ...(key.publicKey === undefined && { secret: randomBytes(16).toString('base64') }), ...key,
    };
    this.keys.set(made.apiKey, made);
    return made;
  }

  /** Of the sub-account: what is listed. */
  get trading(): readonly ServedKey[] {
    return [...this.keys.values()].filter(({ manages }) => !manages);
  }

  #decide(seen: SeenRequest, { open, signed, authenticate, forbidden, trades, manages }: VenueWays): { status: number; answer: unknown } {
    const route = Object.keys({ ...open, ...signed }).find((each) => new RegExp(`^${each}$`).test(`${seen.method} ${seen.path}`)) ?? '';
    try {
      const publicly = open[route];
      if (publicly !== undefined) return { status: 200, answer: publicly(seen, this) };
      const answer = signed[route];
      if (answer === undefined) this.missing.push(`${seen.method} ${seen.path}?${seen.query} ${seen.body}`);
      if (answer === undefined) throw new Answered(404, { message: `no such path: ${seen.method} ${seen.path}` });
      const key = authenticate(seen, this);
      if ((manages.includes(route) && key.manages !== true) || (trades.includes(route) && key.readOnly === true)) throw forbidden(key);
      key.lastUsedAtMs = 1_750_000_000_000;
      return { status: 200, answer: answer(seen, key, this) };
    } catch (error) {
      if (!(error instanceof Answered)) throw error;
      return { status: error.status, answer: error.answer };
    }
  }
}

/** An Ed25519 pair as PEM. */
export function pemPair(): { readonly publicKey: string; readonly privateKey: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    privateKey: (privateKey.export({ type: 'pkcs8', format: 'pem' }) as string).trim(),
  };
}
