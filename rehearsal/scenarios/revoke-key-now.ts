/**
 * Somebody else may have the key of a book that trades: the machine halts the book, replaces the key without a grace, and lets the book
 * trade again. With a fault, it does not come to its end: then nobody trades, and a person is called.
 */
import { atLeast, atMost, exactly } from '../report/report.ts';
import { until } from '../until.ts';
import { monotonicMs } from '../venue/record.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const ordersBefore = 30;
const ordersAfter = 20;
/** What was asked for. */
const revokedLimitMs = 60_000;
/** The machine takes the book first; then a renewal of the 5 s lease. */
const haltLimitMs = 5000;
const noMoreKeys = 'no-more-keys';
const stopped = 'stopped';
const settleMs = 30_000;
/** At a venue that allows twenty. */
const othersKeys = 19;

export const revokeKeyNow: Scenario = {
  name: 'revoke-key-now',
  maintenance: true,
  summary: 'The key of a book that trades may be known to others: it is replaced and refused within a minute.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `the venue refuses the old key, and the book trades with a new one, ${revokedLimitMs / 1000} s after the command at most`,
    `no order is accepted ${haltLimitMs / 1000} s after the command until the old key is refused`,
    'whatever fails on the way leaves the book halted, and calls a person',
  ],
  faults: [
    { name: noMoreKeys, summary: 'The venue makes no more keys for the sub-account.', outcome: 'needs-a-person' },
    { name: stopped, summary: 'Somebody stops the execution when the new key is made.', outcome: 'needs-a-person' },
  ],
  inAll: [noMoreKeys],
  contradiction: (names) => (names.length > 1 ? 'both decide how it ends: tell one' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersBefore);
    if (end !== undefined) return end;
    const keys = stage.exchangeKeys;
    await keys.watch();
    const old = await keys.current();

    stage.progress.heading('The key is revoked now');
    if (names.has(noMoreKeys)) {
      for (let n = 1; n <= othersKeys; n += 1) keys.venue.keys.add({ apiKey: `persons-${n}`, secret: `of a person, ${n}, and long enough`, account: stage.book, note: `my key ${n}` });
      stage.injected('the venue makes no more keys');
    }
    if (names.has(stopped)) {
      const stop = stage.onWorkflow((event, { executionArn }) => {
        if (event.kind !== 'entered' || event.state !== 'Prove that the new key may trade') return;
        stop();
        stage.injected('somebody stops the execution');
        void stage.operator('states', 'StopExecution', { executionArn, error: 'Operator', cause: 'by hand' });
      });
    }
    const sinceMs = monotonicMs();
    const revoked = await stage.wayBack('revoke-now', { reason: 'The key stood in a log of somebody else' });
    const endedMs = monotonicMs();
    const silentFromMs = stage.acceptedIn(() => true).at(-1) ?? sinceMs;
    if (names.size > 0) {
      const lease = await until('the lock to be given back', settleMs, async () => {
        const seen = await stage.control.read(stage.book);
        return seen.workflow.execution === undefined && seen;
      });
      const alarm = `baton-${stage.environment}-revoke-now-${names.has(stopped) ? 'aborted' : 'failed'}`;
      return {
        outcome: revoked.outcome, steps: [...first.steps, ...revoked.steps], modelledDurationMs: revoked.modelledMs,
        promises: [
          opened,
          exactly('outcome', 'The revocation ended as', revoked.outcome, 'needs-a-person'),
          exactly('halted', 'The lease says', `${lease.mode} by ${lease.halt?.by ?? 'nobody'}`, 'halted by rehearsal'),
          atMost('silent', 'From the command to the last accepted order', silentFromMs - sinceMs, haltLimitMs, 'ms'),
          exactly('kept', 'The key of before', await keys.tried(old), 'accepted'),
          atLeast('paged', 'The alarm rang', await until('the alarm', settleMs, () => stage.ringings(alarm).length).catch(() => 0), 1, 'times'),
          exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        ],
      };
    }
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);
    const current = await keys.current();
    const accepted = stage.ordersSince(sinceMs).filter((order) => order.accepted);
    const lastOld = accepted.findLast(({ apiKey }) => apiKey === old.apiKey)?.decidedAtMs ?? sinceMs;
    const firstNew = accepted.find(({ apiKey }) => apiKey === current.apiKey)?.decidedAtMs ?? Infinity;
    const [left, ...others] = keys.atVenue;
    const live = (await stage.holder())?.colour ?? 'blue';
    return {
      outcome: revoked.outcome,
      steps: [...first.steps, ...revoked.steps],
      modelledDurationMs: revoked.modelledMs,
      figures: [{ figure: `${((firstNew - sinceMs) / 1000).toFixed(1)} s`, meaning: 'from the command until the book traded with a new key, the old one refused' }],
      promises: [
        opened,
        exactly('outcome', 'The revocation ended as', revoked.outcome, 'succeeded'),
        atMost('silent', 'From the command to the last order with the old key', lastOld - sinceMs, haltLimitMs, 'ms'),
        atMost('revoked', 'From the command to the first accepted order with the new key', firstNew - sinceMs, revokedLimitMs, 'ms'),
        atMost('uncompressed', 'The whole, uncompressed', stage.modelledMs(sinceMs, endedMs), revokedLimitMs, 'ms'),
        exactly('old', 'The old key', await keys.tried(old), '10003'),
        exactly('signed', 'Orders with neither', accepted.filter(({ apiKey }) => apiKey !== old.apiKey && apiKey !== current.apiKey).length, 0),
        exactly('left', 'Keys of the sub-account that are left beside the new one', left?.apiKey === current.apiKey ? others.length : 'another', 0),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver(live)).join(', ') || 'none', 'none'),
      ],
    };
  },
};
