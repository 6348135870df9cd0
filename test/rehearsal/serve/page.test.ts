/** Who may press the page's buttons: the page itself, and nobody else who gets a browser to send a request here. */
import { createServer, request } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { listenLocally } from '../../../rehearsal/processes/listen.ts';
import type { Now } from '../../../rehearsal/serve/live.ts';
import { Page } from '../../../rehearsal/serve/page.ts';

const now: Now = {
  upMs: 61_000,
  books: [{ book: 'alpha', mode: 'open', epoch: 3, holder: 'us-east-1/blue/1', colour: 'blue', reason: 'handed over', heldMs: 1000, workflow: undefined }],
  seconds: [{ accepted: 10, rejected: 0 }, { accepted: 8, rejected: 2 }, { accepted: 1, rejected: 0 }],
  accepted: 19, rejected: 2, broken: [], tasks: [], injections: [],
  executions: [{ name: '<script>alert(1)</script>', machine: 'cutover', status: 'RUNNING', where: 'Take the book & go', ageMs: 5 }],
};
const pressed: string[] = [];
const notes: string[] = [];
const server = createServer((incoming, response) => page.handle(incoming, response));
let page: Page;
let port: number;
let token: string;

beforeAll(async () => {
  port = await listenLocally(server);
  const control = (name: string, run: () => Promise<string>) => ({ name, label: `Do ${name}`, summary: 'It is done.', run });
  page = await Page.open({
    title: 'A rehearsal',
    origin: `http://127.0.0.1:${port}`,
    watch: { look: async () => now },
    controls: {
      list: [
        control('kill', async () => `killed ${pressed.push('kill')}`),
        control('fail', () => Promise.reject(new Error('nobody is there'))),
      ],
    },
    commands: 'psql',
    onNote: (text) => notes.push(text),
  });
  token = /name="token" value="([^"]+)"/.exec((await ask('GET', '/')).body)?.[1] ?? '';
});
afterAll(() => {
  page.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  pressed.length = 0;
  notes.length = 0;
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Not by fetch: it lets nobody choose the host or the origin. */
function ask(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers: { host: `127.0.0.1:${port}`, ...headers } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const form = (control: string, proof = token): string => new URLSearchParams({ token: proof, control }).toString();
const sameOrigin = (): Record<string, string> => ({ origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' });

test('the page shows what is, escaped, and lets nothing else run in it', async () => {
  const { status, headers, body } = await ask('GET', '/');
  expect(status).toBe(200);
  expect(body).toContain('us-east-1/blue/1');
  expect(body).toContain('&#60;script&#62;alert(1)');
  expect(body).not.toContain('<script>alert');
  const policy = String(headers['content-security-policy']);
  const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(nonce.length).toBeGreaterThan(20);
  expect(body).toContain(`<script nonce="${nonce}">`);
  expect((await ask('GET', '/')).headers['content-security-policy']).not.toBe(policy);
});

test('a button on the page is pressed, and how it went is told', async () => {
  const { status, headers } = await ask('POST', '/control', sameOrigin(), form('kill'));
  expect([status, headers['location']]).toEqual([303, '/']);
  await expect.poll(() => notes).toEqual(['Do kill: killed 1']);
  await ask('POST', '/control', { ...sameOrigin(), host: `localhost:${port}`, origin: `http://localhost:${port}` }, form('fail'));
  await expect.poll(() => notes.at(-1)).toBe('Do fail: nobody is there');
});

test.each<[string, () => Promise<Answer>, number]>([
  ['another name that leads here (DNS rebinding)', () => ask('GET', '/', { host: `evil.example:${port}` }), 421],
  ['the same for a button', () => ask('POST', '/control', { ...sameOrigin(), host: `evil.example:${port}`, origin: `http://evil.example:${port}` }, form('kill')), 421],
  ['the address with another port', () => ask('GET', '/', { host: `127.0.0.1:${port + 1}` }), 421],
  ['a form on another site', () => ask('POST', '/control', { origin: 'http://evil.example' }, form('kill')), 403],
  ['a form of a page without an origin', () => ask('POST', '/control', { origin: 'null' }, form('kill')), 403],
  ['no origin at all', () => ask('POST', '/control', {}, form('kill')), 403],
  ['another site, as the browser says', () => ask('GET', '/', { 'sec-fetch-site': 'cross-site' }), 403],
  ['another site on this machine', () => ask('GET', '/live', { 'sec-fetch-site': 'same-site' }), 403],
  ['a wrong token', () => ask('POST', '/control', sameOrigin(), form('kill', `${token.slice(1)}x`)), 403],
  ['no token', () => ask('POST', '/control', sameOrigin(), 'control=kill'), 403],
  ['a button that there is not', () => ask('POST', '/control', sameOrigin(), form('nothing')), 400],
  ['a button by GET', () => ask('GET', `/control?${form('kill')}`, sameOrigin()), 404],
  ['an unsigned call of AWS', () => ask('POST', '/', { 'x-amz-target': 'DynamoDB_20120810.ListTables' }, '{}'), 404],
  ['more than a form', () => ask('POST', '/control', sameOrigin(), 'x'.repeat(5000)), 413],
])('%s is refused, and nothing is pressed', async (_name, send, status) => {
  const answer = await send();
  expect(answer.status).toBe(status);
  expect(answer.body.length).toBeGreaterThan(20);
  expect(answer.body).not.toContain(token);
  expect(pressed).toEqual([]);
});

test('who listens is told again and again, until nobody listens', async () => {
  const events = await new Promise<string[]>((resolve, reject) => {
    const heard: string[] = [];
    const sent = request({ host: '127.0.0.1', port, path: '/live', headers: { host: `127.0.0.1:${port}` } }, (response) => {
      response.on('data', (chunk: Buffer) => {
        heard.push(String(chunk));
        if (heard.length === 2) {
          sent.destroy();
          resolve(heard);
        }
      });
    });
    sent.once('error', reject);
    sent.end();
  });
  for (const event of events) expect(JSON.parse(/^data: (.*)\n\n$/.exec(event)?.[1] ?? '')).toContain('handed over');
});
