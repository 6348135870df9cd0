/**
 * The venue's API keys: those of its sub-accounts, which come and go, and those of the main account, which make and delete them.
 *
 * What is deleted is unknown at once, and what expired says so. The venue may be forgetful: then a key that it has just made is neither
 * listed nor usable for a while. It remembers every key that ever was, for whoever looks where they were seen.
 */
import { randomBytes } from 'node:crypto';
import { Refusal } from './market.ts';

/** An API key is data: several may belong to one account, each fails in its own way. */
export interface VenueKey {
  readonly apiKey: string;
  readonly secret: string;
  /** The sub-account that it trades; of a key that manages, the main account. */
  readonly account: string;
  readonly readOnly?: boolean;
  /** Addresses it is bound to; any when absent. */
  readonly ips?: readonly string[];
  readonly expiresAtVenueMs?: number;
  readonly note?: string;
  /** What it may do, as Bybit groups it; to trade spot when absent. */
  readonly permissions?: Permissions;
  /** Belongs to the main account and makes keys of its sub-accounts. */
  readonly manages?: boolean;
  readonly createdAtVenueMs?: number;
}

export type Permissions = Readonly<Record<string, readonly string[]>>;

/** Bybit's own: of one sub-account, and how long one lives that is bound to no address. */
export const keysAtMost = 20;
const unboundDays = 90;
const dayMs = 24 * 60 * 60 * 1000;
const firstUid = 5_000_001;
const tradesSpot: Permissions = { Spot: ['SpotTrade'] };
/** What a sub-account's key can be given at all: nothing of it withdraws. */
const grantable = new Set(['ContractTrade', 'Spot', 'Options', 'Wallet', 'Exchange', 'Earn', 'Derivatives', 'CopyTrading']);

interface Held {
  readonly id: string;
  key: VenueKey;
  /** Before then a forgetful venue knows nothing of it. */
  readonly knownFromMs: number;
}

export interface NewKey {
  readonly note: string;
  readonly readOnly: boolean;
  readonly ips?: readonly string[];
  readonly permissions: Permissions;
}

export class KeyRing {
  readonly #nowMs: () => number;
  readonly #held = new Map<string, Held>();
  readonly #ever: VenueKey[] = [];
  readonly #uids = new Map<string, string>();
  #made = 0;
  #forgetsForMs = 0;

  constructor(keys: readonly VenueKey[], nowMs: () => number) {
    this.#nowMs = nowMs;
    for (const key of keys) this.add(key);
  }

  /** Every key that ever was, deleted ones too. */
  get ever(): readonly VenueKey[] {
    return this.#ever;
  }

  /** Keys made from now on are neither listed nor usable for so long. */
  setForgetful(ms: number): void {
    this.#forgetsForMs = ms;
  }

  /** The number by which the venue's API knows an account. */
  uidOf(account: string): string {
    const uid = this.#uids.get(account) ?? String(firstUid + this.#uids.size);
    this.#uids.set(account, uid);
    return uid;
  }

  add(key: VenueKey): void {
    this.#made += 1;
    this.uidOf(key.account);
    this.#ever.push(key);
    this.#held.set(key.apiKey, {
      id: String(10_000_000 + this.#made),
      key: { createdAtVenueMs: this.#nowMs(), ...key },
      knownFromMs: this.#forgetsForMs === 0 ? -Infinity : this.#nowMs() + this.#forgetsForMs,
    });
  }

  /** What the gate asks, in the venue's order: is it known, has it expired. */
  find(apiKey: string): VenueKey {
    const held = this.#known(apiKey);
    if (held === undefined) throw new Refusal(10003, 'API key is invalid.');
    const { key } = held;
    if (key.expiresAtVenueMs !== undefined && key.expiresAtVenueMs <= this.#nowMs()) throw new Refusal(33004, 'Your api key has expired.');
    return key;
  }

  /** What a person sees in the venue's pages: the keys of an account that are known now. */
  ofAccount(account: string): readonly VenueKey[] {
    return this.#listed(account).map(({ key }) => key);
  }

  /** Its limit is Bybit's; the words for it are not documented. */
  create(uid: string, wish: NewKey): Record<string, unknown> {
    const account = this.#accountOf(uid);
    const present = [...this.#held.values()].filter(({ key }) => key.account === account);
    if (present.length >= keysAtMost) throw new Refusal(10001, `The number of API keys has reached its limit of ${keysAtMost}.`);
    const nowMs = this.#nowMs();
    const key: VenueKey = {
      apiKey: randomBytes(9).toString('hex'),
      secret: randomBytes(18).toString('hex'),
      account,
      readOnly: wish.readOnly,
      note: wish.note,
      permissions: checked(wish.permissions),
      createdAtVenueMs: nowMs,
      ...(wish.ips === undefined ? { expiresAtVenueMs: nowMs + unboundDays * dayMs } : { ips: wish.ips }),
    };
    this.add(key);
    const { id } = this.#held.get(key.apiKey)!;
    return { id, note: wish.note, apiKey: key.apiKey, readOnly: wish.readOnly ? 1 : 0, secret: key.secret, permissions: allPermissions(key) };
  }

  update(apiKey: string, change: Partial<NewKey>): Record<string, unknown> {
    const held = this.#heldSub(apiKey);
    const { permissions, ips, ...rest } = change;
    held.key = { ...held.key, ...rest, ...(ips && { ips }), ...(permissions && { permissions: checked(permissions) }) };
    return { id: held.id, note: held.key.note ?? '', apiKey, readOnly: held.key.readOnly ? 1 : 0, secret: '', permissions: allPermissions(held.key) };
  }

  /** It is invalid immediately. */
  delete(apiKey: string): void {
    this.#heldSub(apiKey);
    this.#held.delete(apiKey);
  }

  list(uid: string, from: number, limit: number): Record<string, unknown> {
    const all = this.#listed(this.#accountOf(uid));
    return { result: all.slice(from, from + limit).map((held) => this.#listView(held)), nextPageCursor: from + limit < all.length ? String(from + limit) : '' };
  }

  /** What a key is told of itself. */
  describe({ apiKey }: VenueKey): Record<string, unknown> {
    const { id, key } = this.#held.get(apiKey)!;
    return {
      id,
      note: key.note ?? '',
      apiKey,
      readOnly: key.readOnly ? 1 : 0,
      secret: '',
      permissions: allPermissions(key),
      ips: key.ips ?? ['*'],
      type: 1,
      ...this.#lifeOf(key),
      unified: 0,
      uta: 1,
      userID: Number(this.uidOf(key.account)),
      isMaster: key.manages === true,
      parentUid: '0',
    };
  }

  #listView({ id, key }: Held): Record<string, unknown> {
    const { expiredAt, createdAt, deadlineDay } = this.#lifeOf(key);
    const status = expiredAt === '' ? 1 : deadlineDay < 0 ? 2 : deadlineDay < 7 ? 4 : 3;
    return {
      id, ips: key.ips ?? ['*'], apiKey: key.apiKey, note: key.note ?? '', status, expiredAt, createdAt, type: 1, permissions: allPermissions(key),
      secret: '******', readOnly: key.readOnly === true, deadlineDay, flag: 'hmac',
    };
  }

  #lifeOf({ createdAtVenueMs = 0, expiresAtVenueMs }: VenueKey) {
    const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
    return {
      createdAt: seconds(createdAtVenueMs),
      expiredAt: expiresAtVenueMs === undefined ? '' : seconds(expiresAtVenueMs),
      deadlineDay: expiresAtVenueMs === undefined ? 0 : Math.floor((expiresAtVenueMs - this.#nowMs()) / dayMs),
    };
  }

  #known(apiKey: string): Held | undefined {
    const held = this.#held.get(apiKey);
    return held !== undefined && held.knownFromMs <= this.#nowMs() ? held : undefined;
  }

  #listed(account: string): Held[] {
    return [...this.#held.values()].filter(({ key, knownFromMs }) => key.account === account && knownFromMs <= this.#nowMs());
  }

  #heldSub(apiKey: string): Held {
    const held = this.#known(apiKey);
    if (held === undefined || held.key.manages) throw new Refusal(10003, 'API key is invalid.');
    return held;
  }

  #accountOf(uid: string): string {
    const found = [...this.#uids].find(([, each]) => each === uid)?.[0];
    if (found === undefined) throw new Refusal(10001, `params error: no sub-account ${uid}`);
    return found;
  }
}

/** Whether a key may place orders here. */
export function mayTrade({ readOnly, permissions = tradesSpot }: VenueKey): boolean {
  return !readOnly && (permissions['Spot'] ?? []).includes('SpotTrade');
}

function checked(permissions: Permissions): Permissions {
  const kinds = Object.entries(permissions).filter(([, given]) => given.length > 0);
  const foreign = kinds.find(([kind]) => !grantable.has(kind));
  if (kinds.length === 0 || foreign) throw new Refusal(10001, `params error: permissions ${foreign?.[0] ?? 'empty'}`);
  return Object.fromEntries(kinds);
}

/** As Bybit lists them, the empty ones too. */
function allPermissions({ permissions = tradesSpot }: VenueKey): Permissions {
  const kinds = ['ContractTrade', 'Spot', 'Wallet', 'Options', 'Derivatives', 'CopyTrading', 'BlockTrade', 'Exchange', 'NFT', 'Affiliate'];
  return Object.fromEntries(kinds.map((kind) => [kind, permissions[kind] ?? []]));
}
