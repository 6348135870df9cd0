/**
 * What the rotation of a book's key stands on, beside the venue: the secret, the roster of its tasks, the lease's word which Region is
 * home, and the scheduler of the revocation. Each call may fail and may be repeated.
 */
import type { Revocation } from '../contracts/key-rotation.ts';
import type { KeyProvider, TradingKey } from '../venues/keys/provider.ts';

/** A key that was current before. */
export interface RetiredKey {
  readonly apiKey: string;
  readonly name: string;
  /** The version that held it; gone from Secrets Manager once nothing is staged on it. */
  readonly version: string;
}

/** One version of the secret. */
export interface StoredKey extends TradingKey {
  /** At the venue; empty for one that a person put in without it. */
  readonly name: string;
  readonly createdAt?: string;
  readonly expiresAt?: string;
  /** What it replaces: current when it was made, or replaced and not deleted then. */
  readonly retires: readonly RetiredKey[];
}

export type Stage = 'AWSCURRENT' | 'AWSPENDING' | 'AWSPREVIOUS';

export interface SecretSeen {
  /** Not a replica of another Region's. */
  readonly isPrimary: boolean;
  readonly rotationEnabled: boolean;
  readonly current: string;
  /** Staged to become current, with or without a value yet; absent when it is the current one. */
  readonly pending?: string;
  /** Current before; current again if somebody moves the stage back by hand. */
  readonly previous?: string;
}

export interface KeySecret {
  see(): Promise<SecretSeen>;
  /** Undefined for a version without a value, or that is gone. */
  read(version: string): Promise<StoredKey | undefined>;
  /** Stages it AWSPENDING. A value that the version has already stays. */
  storePending(version: string, key: StoredKey): Promise<void>;
  /** Moves AWSCURRENT; done already is done. */
  promote(version: string, insteadOf: string): Promise<void>;
  /** Takes AWSPENDING off a version whose key is lost, so that the next rotation may begin. */
  dropPending(version: string): Promise<void>;
}

/** One living task of the book, in either Region, as it says itself. */
export interface RosterTask {
  readonly instance: string;
  /** The newest version with which a signed request of its own was accepted. */
  readonly proved?: string;
  /** The version with which its trader signs now. */
  readonly uses?: string;
  /** Since it last signed with any other; absent when it never did. */
  readonly otherUsedSecondsAgo?: number;
}

export interface KeyRoster {
  /** Tells the tasks which version is current; again is no harm. */
  announce(version: string): Promise<void>;
  /** Everyone who lives: looked at twice, so it takes some seconds. */
  tasks(): Promise<readonly RosterTask[]>;
}

export interface RevocationSchedule {
  /** Named after book and version: one that is there already stays as it is, and its time is answered. */
  put(revocation: Revocation, at: Date): Promise<Date>;
  /** When the revocation that follows this version is due. */
  due(version: string): Promise<Date | undefined>;
}

export interface RotationPorts {
  readonly provider: KeyProvider;
  readonly secret: KeySecret;
  readonly roster: KeyRoster;
  readonly schedule: RevocationSchedule;
  /** The Region that may trade the book: a strongly consistent read. */
  readonly home: () => Promise<string>;
  readonly now: () => Date;
  readonly pause: (seconds: number) => Promise<void>;
}
