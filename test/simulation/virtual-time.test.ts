/** Time, processes and the ways between them, without the system: what a run's faithfulness rests on. */
import { expect, test } from 'vitest';
import { seeded } from '../../rehearsal/seeded.ts';
import { ConnectionError, Network } from '../../simulation/network.ts';
import { takeAmbientTime, VirtualTime } from '../../simulation/virtual-time.ts';

const never = (): boolean => false;

function worldOf(seed = 1): { readonly time: VirtualTime; readonly network: Network } {
  const random = seeded(seed);
  const time = new VirtualTime({ random, wakeLagMsMax: 0 });
  return { time, network: new Network({ time, random, latencyMs: { table: { least: 5, most: 5 } } }) };
}

test('what is due is done in order, and a promise settles before what comes next', async () => {
  const { time } = worldOf();
  const done: string[] = [];
  time.at(20, undefined, () => done.push('second'));
  time.at(10, undefined, () => void Promise.resolve().then(() => Promise.resolve()).then(() => done.push('first, a promise later')));
  time.at(5, undefined, () => done.push('never'))();
  await time.runUntil(15, never);
  expect({ done, nowMs: time.nowMs }).toEqual({ done: ['first, a promise later'], nowMs: 15 });
  await time.runUntil(30, never);
  expect(done).toEqual(['first, a promise later', 'second']);
});

test('a process that stands still finds all that came when it goes on, in order; one that ended finds nothing', async () => {
  const { time } = worldOf();
  const [paused, ended] = [time.process('paused', { driftPpm: 0 }), time.process('ended', { driftPpm: 0 })];
  const done: [string, number][] = [];
  paused.pausedUntilMs = 100;
  ended.alive = false;
  time.at(10, paused, () => done.push(['first', time.nowMs]));
  time.at(20, paused, () => done.push(['second', time.nowMs]));
  time.at(20, ended, () => done.push(['of the dead', time.nowMs]));
  await time.runUntil(200, never);
  expect(done).toEqual([['first', 100], ['second', 100]]);
});

test('a process that goes on before its time finds what came at that very instant', async () => {
  const { time } = worldOf();
  const process = time.process('paused', { driftPpm: 0 });
  const done: [string, number][] = [];
  process.pausedUntilMs = 1000;
  time.at(10, process, () => done.push(['came while it stood still', time.nowMs]));
  time.at(50, undefined, () => time.resume(process));
  time.at(60, process, () => done.push(['came later', time.nowMs]));
  await time.runUntil(2000, never);
  expect(done).toEqual([['came while it stood still', 50], ['came later', 60]]);
});

test('ambient timers, clocks and time-outs are those of the process whose code asked, by its own clock', async () => {
  const { time } = worldOf();
  const process = time.process('fast', { driftPpm: 9000 });
  const release = takeAmbientTime(time, () => 0.25);
  const done: (string | number)[] = [];
  try {
    const beganMs = process.monotonicMs();
    process.run(() => {
      setTimeout(() => done.push('timer', Math.round(process.monotonicMs() - beganMs)), 1000);
      AbortSignal.timeout(500).addEventListener('abort', () => done.push('time-out', Math.round(process.monotonicMs() - beganMs)));
    });
    done.push(Math.random(), new Date().toISOString());
    await time.runUntil(700, never);
    process.alive = false;
    await time.runUntil(2000, never);
  } finally {
    release();
  }
  expect(done).toEqual([0.25, '2026-01-05T12:00:00.000Z', 'time-out', 500]);
  expect(Math.abs(Date.now() - Date.UTC(2026, 0, 5, 12))).toBeGreaterThan(1000);
});

test('a lost answer does not undo what was asked, a lost request does nothing, and neither tells', async () => {
  const { time, network } = worldOf();
  const caller = time.process('caller', { driftPpm: 0 });
  const served: string[] = [];
  const answered: string[] = [];
  const ask = (what: string): void => void network.ask(caller, { host: 'task', service: 'table' }, () => served.push(what)).then(() => answered.push(what));
  network.disturb({ host: 'task' }, { answers: true }, 100);
  ask('while answers are lost');
  await time.runUntil(100, never);
  network.disturb({ service: 'table' }, { requests: true }, 100);
  ask('while requests are lost');
  await time.runUntil(200, never);
  ask('afterwards');
  await time.runUntil(300, never);
  expect({ served, answered }).toEqual({ served: ['while answers are lost', 'afterwards'], answered: ['afterwards'] });
});

test('a connection that breaks says so, whether or not it was in time', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed < 40; seed += 1) {
    const { time, network } = worldOf(seed);
    let served = false;
    network.disturb({}, { breaksOneIn: 1 }, 1000);
    const asked = network.ask(time.process('caller', { driftPpm: 0 }), { host: 'task', service: 'table' }, () => {
      served = true;
    }).catch((error: unknown) => error);
    await time.runUntil(500, never);
    expect(await asked).toBeInstanceOf(ConnectionError);
    seen.add(served ? 'after' : 'before');
  }
  expect(seen).toEqual(new Set(['before', 'after']));
});
