/** The steps outside the isolated network: what is verified, who is let in, and what is kept of it. Each may run twice. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { temporaryTags } from '../contracts/backups.ts';
import { faultsOf } from '../contracts/faults.ts';
import type { Implementation } from '../contracts/step.ts';
import { type backupVerification, type Finding, VerificationRequest } from '../contracts/verification.ts';
import { RequestRefusedError } from '../cutover/errors.ts';
import { BackupsUnreachableError, EvidenceUnreachableError, NoBackupError, RestoredUnreachableError } from './errors.ts';
import { keepSigned, type Sign } from './signed-report.ts';
import { newestWatermark } from './watermark.ts';

/** A finished snapshot in the vault. */
export interface Snapshot {
  readonly recoveryPointArn: string;
  /** As RDS knows it. */
  readonly snapshot: string;
  readonly createdAt: Date;
}

export interface ControlOptions {
  readonly installation: string;
  readonly vault: string;
  readonly snapshots: () => Promise<readonly Snapshot[]>;
  /** The newest file of the cache, as its address in the bucket; undefined where there is none. */
  readonly newestCacheSnapshot: () => Promise<string | undefined>;
  readonly evidence: { write(key: string, content: string): Promise<void>; keys(prefix: string, after: string): Promise<readonly string[]> };
  /** Gives the restored database a password that nobody had, and keeps it where the checker finds it. */
  readonly admit: (name: string) => Promise<void>;
  readonly restoreCache: (name: string, snapshot: string, tags: Readonly<Record<string, string>>) => Promise<void>;
  readonly sign: Sign;
  readonly nowMs: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export function controlSteps(options: ControlOptions): Implementation<typeof backupVerification> {
  const { installation, vault, snapshots, newestCacheSnapshot, evidence, admit, restoreCache, sign, nowMs, random } = options;
  return {
    async choose({ request: given, execution }) {
      const begunAt = new Date(nowMs()).toISOString();
      const parsed = z.safeParse(VerificationRequest, given);
      if (!parsed.success) throw new RequestRefusedError(`This request cannot be taken: ${faultsOf(parsed.error, given)}.`);
      const { pick } = parsed.data;
      const found = await asked(BackupsUnreachableError, snapshots);
      const byAge = found.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
      const chosen = pick === 'newest' ? byAge[0] : byAge[Math.floor(random() * byAge.length)];
      if (chosen === undefined) throw new NoBackupError(vault);
      const createdAt = chosen.createdAt.toISOString();
      const watermarkKey = await asked(BackupsUnreachableError, () => newestWatermark(evidence, chosen.createdAt));
      const cacheSnapshot = (await asked(BackupsUnreachableError, newestCacheSnapshot)) ?? '';
      const { recoveryPointArn, snapshot } = chosen;
      return { request: parsed.data, name: nameOf(execution), recoveryPointArn, snapshot, createdAt, watermarkKey, cacheSnapshot, begunAt };
    },
    async admit({ name }) {
      await asked(RestoredUnreachableError, () => admit(name));
      return {};
    },
    async restoreCache({ name, cacheSnapshot, execution, madeAt }) {
      await asked(RestoredUnreachableError, () => restoreCache(name, cacheSnapshot, { [temporaryTags.execution]: execution, [temporaryTags.madeAt]: madeAt }));
      return {};
    },
    async publish({ execution, name, request, recoveryPointArn, createdAt, begunAt, answeredAt, newestCommitAt, findings, why, leftOver }) {
      const wrong = findings.filter(({ ok }) => !ok);
      const verified = findings.length > 0 && wrong.length === 0 && why === '';
      const rtoSeconds = secondsBetween(begunAt, answeredAt);
      // Of an older backup it would say how old that is.
      const rpoSeconds = request.pick === 'newest' ? secondsBetween(newestCommitAt, begunAt) : null;
      const report = {
        installation, name, execution, ...request, recoveryPointArn, createdAt, begunAt, endedAt: new Date(nowMs()).toISOString(),
        verified, rtoSeconds, rpoSeconds, findings, why, leftOver,
      };
      const key = `verifications/${begunAt}-${name}.json`;
      await asked(EvidenceUnreachableError, () => keepSigned({ evidence, sign }, { installation, key, report, verdict: { verified } }));
      return { verdict: verified ? 'verified' : 'doubtful', key, rtoSeconds, rpoSeconds, seen: wordsOf(wrong, why) };
    },
  };

  /** The same for each attempt of an execution, and short enough for a cache. */
  function nameOf(execution: string): string {
    return `${installation}-verify-${createHash('sha256').update(execution).digest('hex').slice(0, 8)}`;
  }
}

function wordsOf(wrong: readonly Finding[], why: string): string {
  return [...(why === '' ? [] : [why]), ...wrong.map(({ check, seen }) => `${check}: ${seen}`)].join('; ') || 'everything as it should be';
}

function secondsBetween(from: string, to: string): number | null {
  return from === '' || to === '' ? null : Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}

async function asked<Answer>(Failure: new (cause: unknown) => Error, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    throw new Failure(error);
  }
}
