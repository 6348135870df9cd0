/** A process that runs what it is told, one thing after the other, and answers each: a seed of the whole system, a small world of the lease, or cells of the sweep. */
import type { Job } from './pool.ts';

// The SDK makes an error before each request, whether one comes or not. A failing seed is told again by its replay command, with the places in the code.
Error.stackTraceLimit = 0;

// What one kind needs the others need not load.
async function done(job: Job): Promise<unknown> {
  if ('world' in job) return (await import('./lease/explorations.ts')).exploreWorld(job.world);
  if ('cells' in job) return (await import('./sweep/sweep.ts')).tellCells(job.cells, job.assemblies);
  const [{ runSeed }, { planOf }] = await Promise.all([import('./run.ts'), import('./situations.ts')]);
  return runSeed(job.seed, { plan: planOf(job.situation, job.seed) });
}

process.on('message', (job: Job) => {
  // What is thrown ends this process, and its parent tells of it.
  void done(job).then((result) => process.send?.(result));
});
