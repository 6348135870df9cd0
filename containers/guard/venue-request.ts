/**
 * A guard's few questions to the venue, on node:http alone: loading Node's fetch costs more memory than it saves lines. One connection is
 * kept from question to question.
 */
import { Agent as PlainAgent, get as getPlain } from 'node:http';
import { Agent as SecureAgent, get as getSecure } from 'node:https';

export interface VenueAnswer {
  readonly status: number | undefined;
  /** Parsed; undefined when it is no JSON. */
  readonly body: unknown;
}
export type AskVenue = (path: string, options: { readonly signal: AbortSignal; readonly headers?: Readonly<Record<string, string>> }) => Promise<VenueAnswer>;

/** More than any venue needs to answer what a guard asks. */
const answerBytesMax = 64 * 1024;

export function askAt(baseUrl: string): AskVenue {
  const isSecure = new URL(baseUrl).protocol === 'https:';
  const get = isSecure ? getSecure : getPlain;
  const agent = isSecure ? new SecureAgent({ keepAlive: true }) : new PlainAgent({ keepAlive: true });
  return (path, { signal, headers = {} }) => {
    const url = new URL(path, baseUrl);
    const { promise, resolve, reject } = Promise.withResolvers<VenueAnswer>();
    get(url, { agent, signal, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) response.destroy(new Error(`${url.pathname} of the venue answered with more than ${answerBytesMax} characters`));
      });
      response.on('end', () => resolve({ status: response.statusCode, body: parsed(text) }));
      response.on('error', reject);
    }).on('error', reject);
    return promise;
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
