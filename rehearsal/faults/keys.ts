/** What goes wrong while an exchange key is replaced. Each proves that it struck; what must hold beyond the ending, it promises itself. */
import { AwsError } from '../cloud/model.ts';
import { atLeast, exactly, type Outcome, type PromiseKept } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { struck } from './fault.ts';

export interface KeyFault {
  readonly name: string;
  readonly summary: string;
  /** `needs-a-person`: the rotation does not come to its end, and trading goes on with the key of before. */
  readonly outcome: Outcome;
  /** Uncompressed. */
  readonly provedLimitSeconds?: number;
  readonly inject: (stage: Stage) => KeyInjected | Promise<KeyInjected>;
}

export interface KeyInjected {
  /** Instead of asking Secrets Manager once; answers the version that is to become current. */
  readonly rotate?: () => Promise<string>;
  /** Settles when it has struck. */
  readonly struck: () => Promise<unknown>;
  readonly afterGrace?: (version: string) => Promise<void>;
  /** Requests that the venue refuses for their key because of the fault itself. */
  readonly refusedForTheirKey?: () => number;
  readonly promises?: () => readonly PromiseKept[] | Promise<readonly PromiseKept[]>;
}

/** Secrets Manager tries again in pauses of up to five minutes. */
const repeatsSeconds = 900;
const strikesWithinMs = 60_000;
const forgetsForMs = 8000;
const awayMs = 6000;
/** At a venue that allows twenty. */
const othersKeys = 19;

/** A key that the venue has made is about to be stored. */
export const isPut = ({ service, operation, input }: { service: string; operation: string; input: Record<string, unknown> }): boolean =>
  service === 'secretsmanager' && operation === 'PutSecretValue' && JSON.stringify(input['VersionStages'] ?? []).includes('AWSPENDING');

export const crashBeforeStore: KeyFault = {
  name: 'crash-before-store',
  summary: 'The function dies between the venue’s answer and the store: a key that nobody has is at the venue.',
  outcome: 'succeeded',
  provedLimitSeconds: repeatsSeconds,
  inject(stage) {
    let died = 0;
    const stop = stage.disturb((call) => {
      if (!isPut(call) || died > 0) return undefined;
      died += 1;
      stop();
      stage.injected('the function dies before it has stored the key that the venue has made');
      return Promise.reject(new AwsError('AccessDeniedException', 'The fault of this rehearsal'));
    });
    return {
      struck: async () => undefined,
      promises: () => [
        struck('the key was made and not stored', died),
        exactly('orphan', 'Keys that the venue made: one was lost, and its orphan deleted', stage.exchangeKeys.ever.filter(({ note }) => note?.startsWith('baton')).length, 2),
      ],
    };
  },
};

export const pendingLeft: KeyFault = {
  name: 'pending-left',
  summary: 'A dead rotation has left AWSPENDING: Secrets Manager refuses the next one until a person gives it up.',
  outcome: 'succeeded',
  inject(stage) {
    const keys = stage.exchangeKeys;
    let refusal = '';
    return {
      struck: async () => undefined,
      async rotate() {
        const left = 'a'.repeat(32);
        await keys.step('create', { version: left, begins: true });
        stage.injected('a rotation has died and left its version pending');
        await keys.rotate().catch((error: unknown) => (refusal = (error as Error).message));
        await keys.giveUp(left);
        return keys.rotate();
      },
      promises: () => [
        exactly('struck', 'The fault struck: the next rotation was refused', /previous rotation isn't complete/.test(refusal) ? 'yes' : refusal, 'yes'),
        exactly('orphan', 'Keys that the venue made: that of the dead rotation was deleted', keys.ever.filter(({ note }) => note?.startsWith('baton')).length, 2),
      ],
    };
  },
};

export const taskAway: KeyFault = {
  name: 'task-away',
  summary: `The standby's guard does not reach the venue for ${awayMs / 1000} s: it cannot prove the key, so the grace does not begin.`,
  outcome: 'succeeded',
  async inject(stage) {
    const keys = stage.exchangeKeys;
    const active = await stage.activeTask();
    const standby = stage.tasksOf((await stage.holder())?.colour ?? 'blue').find(({ name }) => name !== active.name);
    if (standby === undefined) throw new Error('no task stands by');
    let unproved = 0;
    let early = 0;
    return {
      struck: async () => undefined,
      async rotate() {
        const over = stage.injected('the guard of the standby does not reach the venue');
        const mend = stage.cut({ target: 'venue', task: standby.name, container: 'guard' });
        const version = await keys.rotate();
        await until('the promotion', strikesWithinMs, () => keys.isCurrent(version));
        const mended = Date.now() + awayMs;
        while (Date.now() < mended) {
          unproved += 1;
          if ((await keys.scheduledNow(version)) !== undefined) early += 1;
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        mend();
        over();
        return version;
      },
      promises: () => [
        atLeast('struck', 'The fault struck: looks at which the new key was current and not proved by all', unproved, 2, ''),
        exactly('early', 'Looks at which the revocation was scheduled all the same', early, 0),
      ],
    };
  },
};

export const forgetfulVenue: KeyFault = {
  name: 'forgetful-venue',
  summary: `The venue makes the key and does not know it for ${forgetsForMs / 1000} s.`,
  outcome: 'succeeded',
  inject(stage) {
    const keys = stage.exchangeKeys;
    keys.venue.keys.setForgetful(forgetsForMs);
    stage.injected('the venue does not know a new key at first');
    return {
      struck: async () => undefined,
      refusedForTheirKey: () => refusals(stage),
      promises: () => [struck('the new key was refused at first', refusals(stage))],
    };
  },
};
/** Of a key that is new: nobody trades with it yet. */
function refusals(stage: Stage): number {
  const { venue, ever } = stage.exchangeKeys;
  const made = new Set(ever.filter(({ note }) => note?.startsWith('baton')).map(({ apiKey }) => apiKey));
  return venue.record.filter(({ apiKey, code }) => code === 10003 && made.has(apiKey)).length;
}

export const lateVenue: KeyFault = {
  name: 'late-venue',
  summary: 'The venue makes the key and says so after the function has stopped listening.',
  outcome: 'succeeded',
  provedLimitSeconds: repeatsSeconds,
  inject(stage) {
    const keys = stage.exchangeKeys;
    keys.venue.setFault({ reply: 'cut', paths: ['/v5/user/create-sub-api'] });
    const over = stage.injected("the venue's answers about new keys are lost");
    return {
      struck: async () => undefined,
      async rotate() {
        const version = await keys.rotate();
        await until('a key that nobody was told of', strikesWithinMs, () => keys.ever.some(({ note }) => note?.startsWith('baton')));
        keys.venue.clearFault();
        over();
        return version;
      },
      promises: () => [atLeast('struck', 'The fault struck: keys that the venue made', keys.ever.filter(({ note }) => note?.startsWith('baton')).length, 2, '')],
    };
  },
};

export const keyLimit: KeyFault = {
  name: 'key-limit',
  summary: `People have made ${othersKeys} keys of the sub-account: the venue makes no more.`,
  outcome: 'needs-a-person',
  inject(stage) {
    const keys = stage.exchangeKeys;
    for (let n = 1; n <= othersKeys; n += 1) keys.venue.keys.add({ apiKey: `persons-${n}`, secret: `of a person, ${n}, and long enough`, account: stage.book, note: `my key ${n}` });
    stage.injected(`people have made ${othersKeys} keys`);
    const alarm = `${keys.functionName}-errors`;
    return {
      struck: () => until('the alarm of the key function', strikesWithinMs, () => stage.ringings(alarm).length > 0),
      promises: () => [
        atLeast('struck', 'The fault struck: the alarm of the key function rang', stage.ringings(alarm).length, 1, 'times'),
        exactly('others', "Keys of people that were deleted", othersKeys + 1 - keys.atVenue.length, 0),
      ],
    };
  },
};

export const revokedTwice: KeyFault = {
  name: 'revoked-twice',
  summary: 'The revocation is delivered twice.',
  outcome: 'succeeded',
  inject(stage) {
    const keys = stage.exchangeKeys;
    const answers: string[] = [];
    return {
      struck: async () => undefined,
      async afterGrace(version) {
        stage.injected('the revocation is delivered again');
        const proof = { version, provedBy: ['whoever proved it'], provedAt: new Date(Date.now() - 48 * 3_600_000).toISOString() };
        const { state, deleted } = await keys.revoke({ proof, at: new Date().toISOString(), withoutGrace: { reason: 'delivered twice', approvedBy: 'rehearsal' } });
        answers.push(`${state}, deleted ${deleted.length}`);
      },
      promises: () => [exactly('struck', 'The fault struck: the second revocation found nothing to do', answers.join(), 'revoked, deleted 0')],
    };
  },
};

export const throttledSecrets: KeyFault = {
  name: 'secrets-throttled',
  summary: 'Secrets Manager throttles one call in three of the key function, and of the guards.',
  outcome: 'succeeded',
  provedLimitSeconds: repeatsSeconds,
  inject(stage) {
    let calls = 0;
    let refused = 0;
    stage.injected('Secrets Manager throttles');
    stage.disturb(({ service, caller }) => {
      if (service !== 'secretsmanager' || caller.roleArn === undefined) return undefined;
      calls += 1;
      if (calls % 3 !== 1) return undefined;
      refused += 1;
      return Promise.reject(new AwsError('ThrottlingException', 'Rate exceeded'));
    });
    return { struck: async () => undefined, promises: () => [atLeast('struck', 'The fault struck: calls that were throttled', refused, 3, '')] };
  },
};

export const keyFaults: readonly KeyFault[] = [
  crashBeforeStore, pendingLeft, taskAway, forgetfulVenue, lateVenue, keyLimit, revokedTwice, throttledSecrets,
];
