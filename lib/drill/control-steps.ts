/** The steps of a drill outside the isolated network: what is drilled, the shadow book, and what is kept of it. Each may run twice. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { DrillReport, DrillRequest, drillsFolder, type drillControl, shadowBook, type Measures, type Objectives } from '../contracts/drill.ts';
import { faultsOf } from '../contracts/faults.ts';
import type { Implementation } from '../contracts/step.ts';
import { RequestRefusedError } from '../cutover/errors.ts';
import { lookFor, type Patience } from '../cutover/patience.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { BookName, Lease } from '../lease/model.ts';
import type { Snapshot } from '../verification/control-steps.ts';
import { BackupsUnreachableError, EvidenceUnreachableError, NoBackupError, RestoredUnreachableError } from '../verification/errors.ts';
import { keepSigned, signatureSuffix, type Sign } from '../verification/signed-report.ts';
import { comparedWith, slowerThanEver, tooLong } from './judgement.ts';
import type { Shadow } from './shadow.ts';

export interface DrillControlOptions {
  readonly installation: string;
  readonly control: LeaseControl;
  readonly shadow: Shadow;
  readonly books: readonly BookName[];
  readonly region: string;
  readonly vault: string;
  readonly snapshots: () => Promise<readonly Snapshot[]>;
  readonly evidence: { write(key: string, content: string): Promise<void>; read(key: string): Promise<unknown>; keys(prefix: string, after: string): Promise<readonly string[]> };
  /** Gives the restored database a password that nobody had, and keeps it where the drill finds it. */
  readonly admit: (name: string) => Promise<void>;
  readonly sign: Sign;
  readonly objectives: Objectives;
  readonly passedWithinDays: number;
  readonly nowMs: () => number;
  readonly patience: Patience;
}

const example = '{ "book": "in-turn", "reason": "…", "requestedBy": "…" }';
const dayMs = 86_400_000;
/** Of the newest reports, so many are looked through for one that was passed. */
const lookedThrough = 24;

export function drillControlSteps(options: DrillControlOptions): Implementation<typeof drillControl> {
  const { installation, control, shadow, books, region, vault, snapshots, evidence, admit, sign, objectives, passedWithinDays, nowMs, patience } = options;
  return {
    async choose({ request: given, execution }) {
      const begunAt = new Date(nowMs()).toISOString();
      const parsed = z.safeParse(DrillRequest, given);
      if (!parsed.success) throw new RequestRefusedError(`This request cannot be taken: ${faultsOf(parsed.error, given)}. Wanted: ${example}.`);
      const request = parsed.data;
      const book = bookOf(request.book, new Date(nowMs()));
      const lease = await control.read(book);
      const nothing = { images: noImages, recoveryPointArn: '', snapshot: '', createdAt: begunAt };
      const chosen = { request, lost: lease.home, name: nameOf(execution), book, begunAt };
      if (lease.home === region) {
        if (request.skipAtHome === true) return { ...chosen, ...nothing, region: 'home' };
        throw new RequestRefusedError(`${book} is at home in ${region}: a drill takes that Region for lost, so it is started in the other one. Nothing was changed.`);
      }
      const { live } = lease;
      if (live === undefined) throw new RequestRefusedError(`${book} was never cut over: there is no release that could be drilled. Start a cutover first.`);
      const found = await asked(BackupsUnreachableError, snapshots);
      const newest = found.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime())[0];
      if (newest === undefined) throw new NoBackupError(vault);
      const { recoveryPointArn, snapshot, createdAt } = newest;
      return {
        ...chosen, region: 'standby', images: { trader: live.imageDigest, guard: live.guardDigest }, recoveryPointArn, snapshot, createdAt: createdAt.toISOString(),
      };
    },
    async prepare({ execution, lost }) {
      return shadow.prepare(execution, lost);
    },
    async admit({ name }) {
      await asked(RestoredUnreachableError, () => admit(name));
      return {};
    },
    async ready({ trader }) {
      return lookFor(async () => {
        const ours = (await control.registrations(shadowBook)).filter((each) => each.region === region && each.imageDigest === trader);
        const good = ours.find(({ ready, reconciled }) => ready && reconciled);
        if (good !== undefined) return { state: 'ready' as const, seen: `${good.instance} is ready and has reconciled` };
        const seen = ours.map(({ instance, ready, reconciled }) => `${instance} is ${ready ? 'ready' : 'not ready'}${reconciled ? '' : ', has not reconciled'}`);
        return { state: 'waiting' as const, seen: seen.join('; ') || 'no shadow trader has said anything of itself' };
      }, patience);
    },
    async lose({ token, epoch }) {
      return { heartbeat: (await shadow.renewOnce(token, epoch)).heartbeat };
    },
    async finish({ execution, token }) {
      return { epoch: (await shadow.finish(execution, token)).epoch };
    },
    async publish({ execution, name, request, book, lost, images, recoveryPointArn, createdAt, begunAt, answeredAt, newestCommitAt, startSeconds, ordersSeconds, ledgerSeconds, why, leftOver }) {
      const endedAt = new Date(nowMs()).toISOString();
      const measures: Measures = {
        restoreSeconds: secondsBetween(begunAt, answeredAt), recoveryPointSeconds: secondsBetween(newestCommitAt, begunAt),
        startSeconds, ordersSeconds, ledgerSeconds, totalSeconds: secondsBetween(begunAt, endedAt),
      };
      const missed = tooLong(measures, objectives);
      const passed = why === '' && missed.length === 0 && leftOver === '';
      return asked(EvidenceUnreachableError, async () => {
        const key = `${drillsFolder}${begunAt}-${name}.json`;
        const before = await reports({ below: key, most: lookedThrough });
        const slower = slowerThanEver(measures, before);
        const { requestedBy, reason } = request;
        const report: DrillReport = {
          installation, name, execution, book, requestedBy, reason, region, lost, release: images, recoveryPointArn, createdAt, begunAt, endedAt,
          passed, measures, objectives, slower, why: [...(why === '' ? [] : [why]), ...missed].join('; '), leftOver,
        };
        await keepSigned({ evidence, sign }, { installation, key, report, verdict: { passed } });
        return { verdict: passed ? ('passed' as const) : ('failed' as const), key, measures, slower, seen: report.why || 'everything as it should be' };
      });
    },
    async age() {
      const homes = await Promise.all(books.map((book) => control.read(book)));
      if (homes.every(({ home }: Lease) => home === region)) return { state: 'elsewhere', passedAt: '' };
      const newest = (await asked(EvidenceUnreachableError, () => reports({ most: lookedThrough }))).find(({ passed }) => passed);
      const isRecent = newest !== undefined && nowMs() - Date.parse(newest.begunAt) <= passedWithinDays * dayMs;
      return { state: isRecent ? 'recent' : 'overdue', passedAt: newest?.begunAt ?? '' };
    },
  };

  /** The newest first. */
  async function reports({ below, most }: { readonly below?: string; readonly most: number }): Promise<readonly DrillReport[]> {
    const keys = (await evidence.keys(drillsFolder, '')).filter((key) => !key.endsWith(signatureSuffix) && (below === undefined || key < below));
    const newest = keys.toSorted().reverse().slice(0, Math.max(most, comparedWith));
    return Promise.all(newest.map(async (key) => DrillReport.parse(await evidence.read(key))));
  }

  function bookOf(wanted: string, now: Date): BookName {
    if (wanted === 'in-turn') return books[(now.getUTCFullYear() * 12 + now.getUTCMonth()) % books.length]!;
    const book = books.find((each) => each === wanted);
    if (book === undefined) throw new RequestRefusedError(`There is no book '${wanted}': ${books.join(', ')}, or in-turn.`);
    return book;
  }

  /** The same for each attempt of an execution. */
  function nameOf(execution: string): string {
    return `${installation}-drill-${createHash('sha256').update(execution).digest('hex').slice(0, 8)}`;
  }
}

/** Of a drill that is not made. */
const noImages = { trader: `sha256:${'0'.repeat(64)}`, guard: `sha256:${'0'.repeat(64)}` };

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
