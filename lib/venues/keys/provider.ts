/**
 * What the rotation of keys needs of a venue, whichever it is: making, listing and deleting trading keys of one sub-account with
 * the management key, and proving a trading key by using it.
 *
 * No call here is safe to repeat blindly: `create` makes another key each time. Who calls it names the key after what it is made
 * for, and finds by that name what an answer that never came has left.
 */
import type { Secret } from '../../secret.ts';

/** A venue's own word for what it can do for keys: data, so that machines, documents and the watch read the same. */
export interface KeyCapabilities {
  /** False where people make keys in the venue's pages: then only proving them is left. */
  readonly createsKeys: boolean;
  /** The pair is made here and only its public half is sent. */
  readonly ownPublicKey: boolean;
  readonly bindsAddresses: boolean;
  /** Days after which a key dies that is bound to no address; null when it lives on. */
  readonly unboundKeyLivesDays: number | null;
  /** Keys of one sub-account; null where the venue does not say. */
  readonly keysAtMost: number | null;
  /** How an order carries the end that the venue enforces. */
  readonly orderExpiry: string;
  readonly deadManSwitch: { readonly scope: 'connection' | 'symbol' | 'account' } | null;
  /** Whether a list of keys tells when each was last used. */
  readonly tellsLastUse: boolean;
  /** Where each of these is said. */
  readonly sources: readonly string[];
}

/** What a key may do: trade, never withdraw or transfer; and from where. */
export interface KeyPolicy {
  /** The fixed addresses of both Regions; empty binds the key to none. */
  readonly addresses: readonly string[];
}

/** What signs a request. For a venue that takes our public key, `secret` is the private one as PEM. */
export interface TradingKey {
  readonly apiKey: string;
  readonly secret: Secret;
  /** Where the venue wants a third word. */
  readonly passphrase?: Secret;
}

/** What is to be deleted. Some venues want to hear its passphrase again. */
export interface DoomedKey extends Pick<TradingKey, 'apiKey' | 'passphrase'> {
  readonly name: string;
}

export interface ListedKey {
  readonly apiKey: string;
  /** As it was given, or a person gave it. */
  readonly name: string;
  readonly addresses: readonly string[];
  /** Not only trade: withdraw, transfer or change the account. */
  readonly mayMoveMoney: boolean;
  readonly createdAtMs?: number;
  readonly expiresAtMs?: number;
  /** Of a venue that tells it; absent for a key that was never used. */
  readonly lastUsedAtMs?: number;
}

export interface KeyProvider {
  readonly capabilities: KeyCapabilities;
  /** The secret was never shown before and never will be again. */
  create(name: string): Promise<TradingKey>;
  /** Every key of the sub-account, whoever made it. */
  list(): Promise<readonly ListedKey[]>;
  /** A key that is gone already is deleted. */
  delete(key: DoomedKey): Promise<void>;
  /** A signed request that only looks was accepted; else {@link KeyRefusedError}. */
  proveRead(key: TradingKey): Promise<void>;
  /** A request that may be made with the permission to trade only was accepted, and nothing is left of it. */
  proveTrade(key: TradingKey): Promise<void>;
}

/** Why a venue does not take a key. `unknown`: it has none such, or none any more. */
export type KeyRefusal = 'unknown' | 'expired' | 'signature' | 'address' | 'permission';

/** The venue refused a trading key. */
export class KeyRefusedError extends Error {
  readonly refusal: KeyRefusal;
  constructor(refusal: KeyRefusal, message: string) {
    super(message);
    this.name = 'KeyRefusedError';
    this.refusal = refusal;
  }
}

/** The venue refused the management key: a person must look at it. */
export class ManagementKeyRefusedError extends Error {
  override readonly name = 'ManagementKeyRefusedError';
}

/** The sub-account has as many keys as the venue allows. */
export class KeyLimitError extends Error {
  override readonly name = 'KeyLimitError';
}

/** No answer, or one that says nothing: the venue may have done what was asked, or may still. */
export class VenueUnclearError extends Error {
  override readonly name = 'VenueUnclearError';
}

/** The venue refused what was asked for another reason, in its own words. */
export class VenueRefusedError extends Error {
  override readonly name = 'VenueRefusedError';
}

/** This venue's keys are made by people. */
export class KeyMadeByHandError extends Error {
  override readonly name = 'KeyMadeByHandError';
}

/** Whether the venue really refuses a key. A refusal for the address or a permission is none of the key itself. */
export async function isRefused(provider: Pick<KeyProvider, 'proveRead'>, key: TradingKey): Promise<boolean> {
  try {
    await provider.proveRead(key);
    return false;
  } catch (error) {
    if (error instanceof KeyRefusedError) return error.refusal !== 'address' && error.refusal !== 'permission';
    throw error;
  }
}
