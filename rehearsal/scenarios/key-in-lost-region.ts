/**
 * Both Regions want to replace a book's exchange key, and the one that may is lost when the venue has made it and nobody has stored it. Where
 * the book goes on, the watch takes that key away and finishes the rotation; and the Region that comes back changes nothing.
 */
import { AwsError } from '../cloud/model.ts';
import { isPut } from '../faults/keys.ts';
import { tradesWithinMs } from '../faults/lost-region.ts';
import { atLeast, exactly } from '../report/report.ts';
import { until } from '../until.ts';
import { monotonicMs } from '../venue/record.ts';
import { endedAs } from './cutover.ts';
import { openBook } from './open-book.ts';
import { failoverPhases } from './recovery-phases.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { settledIn, standbyRuns, tradesWithin } from './two-regions.ts';

const ordersAround = 20;
const provedBoundMs = 60_000;
const revocationBoundMs = 60_000;

export const keyInLostRegion: Scenario = {
  name: 'key-in-lost-region',
  maintenance: true,
  summary: 'The home Region is lost in the middle of the rotation of an exchange key, which the other Region had wanted to begin, too.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    'the Region that is not the home makes no key, before and after',
    'the key that the lost Region made and never stored is deleted where the book goes on, and the rotation is finished there',
    'no key stands in a log, a history, a report, a notice or an environment',
  ],
  faults: [],
  bothRegions: true,
  async run(stage): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    const live = await standbyRuns(stage, stage.releases.first.trader.digest);
    const keys = stage.exchangeKeys;
    const { home, standby } = stage;
    const made = (): number => keys.ever.filter(({ note }) => note?.startsWith('baton')).length;
    const refusalIn = (region: string, ask: Promise<unknown>): Promise<string> =>
      ask.then(() => `${region} did it`, (error: unknown) => /replica|NotHomeError/i.exec((error as Error).message)?.[0] ?? (error as Error).message);

    stage.progress.heading('Both Regions want to rotate the key');
    // Each keeps the addresses of the other from here on.
    await Promise.all([home, standby].map((region) => keys.watch(region)));
    const old = await keys.current();
    const addresses = await keys.addresses();
    const lost = Promise.withResolvers<void>();
    const stop = stage.disturb((call) => {
      if (!isPut(call) || call.region !== home) return undefined;
      stop();
      stage.darken(home).then(lost.resolve, lost.reject);
      return Promise.reject(new AwsError('InternalServiceError', 'The Region is gone', { fault: 'server' }));
    });
    const version = 'b'.repeat(32);
    const refusedBefore = [await refusalIn(standby, keys.rotate(standby)), await refusalIn(standby, keys.step('create', { version, begins: true }, standby))];
    const madeByStandby = made();
    const wanted = await keys.rotate();
    await lost.promise;
    const orphans = made();

    stage.progress.heading(`${home} is lost`);
    const moved = await stage.recovery('failover', standby, { phases: failoverPhases });
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
    const withOld = await keys.tried(old);

    stage.progress.heading(`The watch of ${standby} finishes the rotation`);
    const looked = await keys.watch();
    const afterWatch = keys.atVenue.length;
    await until('every task there to have proved the key', provedBoundMs, async () => {
      await keys.watch();
      return keys.scheduledNow(wanted);
    });
    const { proof } = await keys.scheduled(wanted);
    const provedMs = monotonicMs();
    const last = await keys.watch();
    await keys.graceIsOver(wanted);
    await until('the old key to be deleted', revocationBoundMs, () => keys.atVenue.every(({ apiKey }) => apiKey !== old.apiKey));
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);

    stage.progress.heading(`${home} comes back`);
    await stage.relight(home);
    const refusedAfter = await refusalIn(home, keys.step('create', { version, begins: true }, home));
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
    const current = await keys.current();
    const [left, ...others] = keys.atVenue;
    const orders = stage.ordersSince(provedMs).filter(({ accepted }) => accepted);
    return {
      outcome: moved.outcome,
      steps: [...first.steps, ...moved.steps],
      modelledDurationMs: moved.modelledMs,
      promises: [
        opened,
        exactly('refused-before', 'The standby was told, by Secrets Manager and by its own function', refusedBefore.join(', '), 'replica, NotHomeError'),
        exactly('made-by-standby', 'Keys that it made', madeByStandby, 0),
        exactly('struck', 'The fault struck: keys made at the venue and never stored', orphans, 1),
        exactly('moved', 'The failover ended as', endedAs(moved, 'succeeded'), 'succeeded'),
        tradesWithin(stage, standby, moved, tradesWithinMs),
        exactly('old', 'The key of before, after the failover', withOld, 'accepted'),
        exactly('finished', 'The rotation that was lost on the way was finished there', current.version === wanted && looked.seen.some((line) => line.startsWith('finished')) ? 'yes' : 'no', 'yes'),
        exactly('orphan', 'Keys at the venue then: the old one and the new one, none that nobody has', afterWatch, 2),
        exactly('watched', 'The watch there finds in the end', [last.work, ...last.faults].join(', '), 'done'),
        exactly('roster', 'Tasks that proved the new key, of those that run', proof.provedBy.length, stage.taskCount(standby)),
        exactly('signed', 'Orders signed with another key once all had proved the new one', orders.filter(({ apiKey }) => apiKey !== current.apiKey).length, 0),
        atLeast('traded', 'Orders accepted with the new key', orders.length, ordersAround, ''),
        exactly('revoked', 'The old key, after the grace', await keys.tried(old), '10003'),
        exactly('refused-after', 'The function of the Region that came back was told', refusedAfter, 'NotHomeError'),
        exactly('left', 'Keys that are left beside the new one', left?.apiKey === current.apiKey ? others.length : 'another', 0),
        exactly('bound', 'The new key is bound to the addresses of both Regions', [...(left?.ips ?? [])].toSorted().join(), [...addresses].toSorted().join()),
        ...(await settledIn(stage, standby, live)),
      ],
    };
  },
};
