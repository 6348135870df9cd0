/**
 * A book's exchange key is replaced while it trades: Secrets Manager rotates it by our function, each task proves the new one and signs with
 * it between two orders, and after the grace the old one is deleted at the venue, which refuses it from then on. With faults, a step
 * dies, the venue is late or forgets, a task does not follow: trading goes on with the key that works.
 */
import { type KeyFault, keyFaults } from '../faults/keys.ts';
import { atLeast, atMost, exactly } from '../report/report.ts';
import { until } from '../until.ts';
import { createOrderPath, monotonicMs } from '../venue/record.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const ordersBefore = 30;
const ordersAfter = 20;
/** What was asked for; an order comes every tenth of a second. */
const gapLimitMs = 250;
/** Uncompressed: the steps, and the roster's proof. */
const rotatedLimitSeconds = 120;
/** One call of the function, which looks at the roster first. */
const revocationLimitMs = 20_000;
const revocationBoundMs = 60_000;

export const rotateExchangeKey: Scenario = {
  name: 'rotate-exchange-key',
  maintenance: true,
  summary: 'The exchange key of a book is replaced while it trades, and the old one revoked after the grace.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `orders go on being accepted within ${gapLimitMs} ms of each other, and none is refused for its key`,
    'the old key works until every task has proved the new one and the grace is over; then the venue refuses it',
    'the new key may trade and no more, and is bound to the addresses of both Regions; no other key of ours is left',
    'no key stands in a log, a history, a report, a notice or an environment',
  ],
  faults: keyFaults,
  inAll: ['crash-before-store'],
  contradiction: (names) => (names.length > 1 ? 'each fault decides what becomes of the rotation: tell one' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersBefore);
    if (end !== undefined) return end;
    const keys = stage.exchangeKeys;
    const fault: KeyFault | undefined = keyFaults.find(({ name }) => names.has(name));

    stage.progress.heading('The watch lets the secret rotate');
    const looked = await keys.watch();
    const old = await keys.current();

    stage.progress.heading(fault === undefined ? 'The key is rotated' : `The key is rotated, with ${fault.name}`);
    const sinceMs = monotonicMs();
    const injected = await fault?.inject(stage);
    const version = await (injected?.rotate ?? (() => keys.rotate()))();
    if (fault?.outcome === 'needs-a-person') {
      await injected?.struck();
      const promises = await injected?.promises?.();
      await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);
      const current = await keys.current();
      return {
        outcome: 'needs-a-person', steps: first.steps, modelledDurationMs: stage.modelledMs(sinceMs, monotonicMs()),
        promises: [
          opened, ...(promises ?? []),
          exactly('kept', 'The key of before is current, and accepted', current.version === old.version ? await keys.tried(old) : 'another is current', 'accepted'),
          atMost('gap', 'Orders went on through it all', stage.longestSilenceMs(sinceMs), stage.onAQuietMachine(gapLimitMs), 'ms'),
          exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        ],
      };
    }
    const { proof } = await keys.scheduled(version);
    const provedMs = monotonicMs();
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);
    const current = await keys.current();
    const oldBefore = await keys.tried(old);

    stage.progress.heading('The grace is over');
    const graceOverMs = monotonicMs();
    await keys.graceIsOver(version);
    await until('the old key to be deleted', revocationBoundMs, () => keys.atVenue.every(({ apiKey }) => apiKey !== old.apiKey));
    const revokedMs = monotonicMs();
    await injected?.afterGrace?.(version);
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);
    // The function itself tries the old key, to see it refused.
    const refused = keys.refusedForTheirKey(sinceMs).filter(({ apiKey, path, arrivedAtMs }) =>
      apiKey !== old.apiKey || path === createOrderPath || arrivedAtMs < graceOverMs).length;
    const oldAfter = await keys.tried(old);
    const [left, ...others] = keys.atVenue;
    const live = (await stage.holder())?.colour ?? 'blue';
    const last = stage.ordersSince(provedMs).filter(({ accepted }) => accepted);
    return {
      outcome: 'succeeded',
      steps: first.steps,
      modelledDurationMs: stage.modelledMs(sinceMs, provedMs),
      figures: [
        { figure: `${Math.round(stage.longestSilenceMs(sinceMs))} ms`, meaning: 'the longest time between two accepted orders, while the key was replaced' },
        { figure: `${((provedMs - sinceMs) / 1000).toFixed(1)} s`, meaning: 'from the command until every task had proved the new key' },
      ],
      promises: [
        opened,
        exactly('watched', 'The watch let the secret rotate', looked.seen.some((line) => line.includes('rotated every')) ? looked.work : looked.faults.join('; '), 'done'),
        ...((await injected?.promises?.()) ?? []),
        exactly('current', 'The version that was asked for is current', current.version === version ? 'yes' : 'no', 'yes'),
        atMost('proved', 'The new key was proved by everybody, uncompressed, within', stage.modelledMs(sinceMs, provedMs) / 1000, fault?.provedLimitSeconds ?? rotatedLimitSeconds, 's'),
        exactly('roster', 'Tasks that proved it, of those that run', proof.provedBy.length, stage.tasksOf(live).length),
        atMost('gap', 'Orders went on through it all', stage.longestSilenceMs(sinceMs), stage.onAQuietMachine(gapLimitMs), 'ms'),
        exactly('refused', 'Requests refused for their key', refused - (injected?.refusedForTheirKey?.() ?? 0), 0),
        exactly('signed', 'Orders signed with another key once all had proved the new one', last.filter(({ apiKey }) => apiKey !== current.apiKey).length, 0),
        atLeast('traded', 'Orders accepted with the new key', last.length, ordersAfter, ''),
        exactly('grace', 'The old key, until the grace was over', oldBefore, 'accepted'),
        exactly('revoked', 'The old key, after it', oldAfter, '10003'),
        exactly('left', 'Keys of the sub-account that are left beside the new one', left?.apiKey === current.apiKey ? others.length : 'another', 0),
        exactly('bound', 'The new key is bound to the addresses of both Regions', [...(left?.ips ?? [])].toSorted().join(), [...(await keys.addresses())].toSorted().join()),
        exactly('trades-only', 'What it may do', JSON.stringify(left?.permissions), JSON.stringify({ Spot: ['SpotTrade'] })),
        exactly('schedules', 'Schedules left over', (await keys.scheduledNow(version)) === undefined ? 0 : 1, 0),
        atMost('revocation', 'From the end of the grace until the old key was deleted', revokedMs - graceOverMs, revocationLimitMs, 'ms'),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver(live)).join(', ') || 'none', 'none'),
      ],
    };
  },
};
