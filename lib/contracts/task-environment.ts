/**
 * The environment of a trading task's two containers. The trading stack supplies it, the containers
 * parse it at start: a variable renamed on one side stops both from compiling.
 * No variable holds a secret; secrets are named by ARN and read at run time.
 */
import * as z from 'zod/mini';

const portNumber = z.string().check(z.regex(/^\d{1,5}$/, 'a port number'));
const whole = z.string().check(z.regex(/^\d+$/, 'a whole number'));

/** Exact host names and ports, comma-separated, or none: `api.bybit.com:443`. */
const hostsAndPorts = z.string().check(z.regex(/^$|^[a-z0-9.-]+:\d{1,5}(,[a-z0-9.-]+:\d{1,5})*$/, 'host:port, host:port …'));

export const GuardEnvironment = z.object({
  BATON_BOOK: z.string(),
  BATON_LEASE_TABLE: z.string(),
  /** The venue's REST address, for its clock. */
  BATON_VENUE: z.enum(['bybit']),
  BATON_VENUE_URL: z.url(),
  /** The book's key there: the guard alone reads it, proves it and hands it to the trader in memory. */
  BATON_VENUE_SECRET_ARN: z.string(),
  BATON_GUARD_PORT: portNumber,
  /** How long a trader may take to drain before the guard waits for expiry instead. */
  BATON_DRAIN_TIMEOUT_MS: whole,
  /** For a bot that cannot be changed: where its forward proxy listens, and the order hosts that it reaches; with none there is no proxy. */
  BATON_PROXY_PORT: z.optional(portNumber),
  BATON_PROXY_HOSTS: z.optional(hostsAndPorts),
  /** Where given, nothing else is a venue to this guard: it starts for no other, and its proxy reaches no other. A drill's names the venue on paper alone. */
  BATON_VENUE_HOSTS: z.optional(hostsAndPorts),
  /** Set by the cutover when it registers the revision; absent in the template. */
  BATON_COLOUR: z.enum(['blue', 'green']),
  BATON_IMAGE_DIGEST: z.string(),
  /** Set by the platform. */
  AWS_REGION: z.string(),
}).check(({ value, issues }) => {
  for (const host of foreignVenues(value)) {
    const message = `${host} is none of the venues of this guard, ${value.BATON_VENUE_HOSTS}: it hands over no key and permits nothing there`;
    issues.push({ code: 'custom', path: ['BATON_VENUE_HOSTS'], message, input: value.BATON_VENUE_HOSTS });
  }
});
export type GuardEnvironment = z.infer<typeof GuardEnvironment>;

/** What is asked for as a venue, and is none where the venues are listed. */
function foreignVenues(
  { BATON_VENUE_URL, BATON_PROXY_HOSTS = '', BATON_VENUE_HOSTS }: { readonly BATON_VENUE_URL: string; readonly BATON_PROXY_HOSTS?: string | undefined; readonly BATON_VENUE_HOSTS?: string | undefined },
): readonly string[] {
  if (BATON_VENUE_HOSTS === undefined) return [];
  const { protocol, hostname, port } = new URL(BATON_VENUE_URL);
  const own = `${hostname}:${port === '' ? { 'https:': 443, 'http:': 80 }[protocol] : port}`;
  const listed = BATON_VENUE_HOSTS.split(',');
  return [own, ...BATON_PROXY_HOSTS.split(',').filter((host) => host !== '')].filter((host) => !listed.includes(host));
}

/** Of the guard's image when it is run as the venue on paper, in the same task. */
export const PaperVenueEnvironment = z.object({
  BATON_VENUE_PORT: portNumber,
  /** Of the one account that there is: `{ apiKey, secret }`. */
  BATON_VENUE_SECRET_ARN: z.string(),
  /** Then it closes, and with it its task: one that its drill has left behind ends by itself. */
  BATON_OPEN_MINUTES: whole,
});
export type PaperVenueEnvironment = z.infer<typeof PaperVenueEnvironment>;

export const TraderEnvironment = z.object({
  BATON_BOOK: z.string(),
  BATON_GUARD_PORT: portNumber,
  BATON_JOURNAL_TABLE: z.string(),
  BATON_VENUE: z.enum(['bybit']),
  BATON_VENUE_URL: z.url(),
  BATON_SYMBOL: z.string(),
  BATON_ORDERS_PER_SECOND: whole,
  /** Of the book, in the quote currency of its symbol: sizes follow it. */
  BATON_CAPITAL: whole,
  BATON_DATABASE_HOST: z.string(),
  BATON_DATABASE_PORT: portNumber,
  BATON_DATABASE_NAME: z.string(),
  BATON_DATABASE_SECRET_ARN: z.string(),
  BATON_REDIS_HOST: z.string(),
  BATON_REDIS_PORT: portNumber,
  BATON_REDIS_SECRET_ARN: z.string(),
  /** Comma-separated: what must answer before this bot is ready; `database` or nothing. */
  BATON_REQUIRES: z.string(),
  BATON_IMAGE_DIGEST: z.string(),
  AWS_REGION: z.string(),
});
export type TraderEnvironment = z.infer<typeof TraderEnvironment>;

/** Of the trader's image when it is run with the command `migrate`: the schema and nothing else. */
export const MigrationEnvironment = z.object({
  BATON_DATABASE_HOST: z.string(),
  BATON_DATABASE_PORT: portNumber,
  BATON_DATABASE_NAME: z.string(),
  BATON_DATABASE_SECRET_ARN: z.string(),
});
/** How `migrate expand` ends when contractions wait for the end of the rollback window. */
export const contractionsWait = 10;
export type MigrationEnvironment = z.infer<typeof MigrationEnvironment>;

/** What the cutover adds when it registers a revision: the template cannot know it. */
export type SetAtCutover = 'BATON_COLOUR' | 'BATON_IMAGE_DIGEST';
export type SetByPlatform = 'AWS_REGION';
/** What the stack must supply for each container. */
export type GuardTemplateEnvironment = Omit<GuardEnvironment, SetAtCutover | SetByPlatform>;
export type TraderTemplateEnvironment = Omit<TraderEnvironment, SetAtCutover | SetByPlatform>;
