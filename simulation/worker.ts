/** A process that runs what it is told, one thing after the other, and answers each: a seed of the whole system, or a small world of the lease. */
import { exploreWorld } from './lease/explorations.ts';
import { runSeed } from './run.ts';
import { planOf } from './situations.ts';
import type { Job } from './pool.ts';

process.on('message', (job: Job) => {
  const answer = 'world' in job ? Promise.resolve(exploreWorld(job.world)) : runSeed(job.seed, { plan: planOf(job.situation, job.seed) });
  // What is thrown ends this process, and its parent tells of it.
  void answer.then((result) => process.send?.(result));
});
