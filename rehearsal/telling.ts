/** One telling of a scenario: the run, and what is written of it. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve as absolute } from 'node:path';
import type { ProvisioningColumn } from './cloud/provisioning.ts';
import { rehearse } from './rehearse.ts';
import type { Releases } from './releases.ts';
import { page } from './report/html/page.ts';
import type { Progress } from './report/progress.ts';
import { held, type Report } from './report/report.ts';
import { whatWasLogged } from './report/silence.ts';
import { scenarios } from './scenarios/index.ts';
import { settingsOf } from './settings-variants.ts';

/** Plain data, so that another process can be told. */
export interface Telling {
  /** Its name. */
  readonly scenario: string;
  readonly faults: readonly string[];
  readonly environment: string;
  /** Of the cloud assembly. */
  readonly assemblyDirectory: string;
  readonly releases: Releases;
  readonly seed: number;
  readonly provisioning: ProvisioningColumn;
  /** Whether others are told on this machine at the same time. */
  readonly besideOthers: boolean;
  /** Where the report is to be written; not at all when not said, but for a broken promise. */
  readonly out: string | undefined;
}

export interface Told {
  readonly report: Report;
  /** Where it is drawn, if it was written. */
  readonly page?: string;
  /** Of a broken promise, what may explain it. */
  readonly seen: readonly string[];
}

export async function tell({ scenario: name, faults, environment, assemblyDirectory, out, ...options }: Telling, progress: Progress): Promise<Told> {
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`no scenario '${name}'; there are: ${scenarios.map((each) => each.name).join(', ')}`);
  const assembly = { settings: settingsOf(environment, scenario.variant), directory: assemblyDirectory };
  const { report, log, accesses, beganAtMs } = await rehearse(scenario, faults, { ...options, assembly, progress });
  const isBroken = !held(report);
  // What goes wrong once in many is kept, whether or not somebody asked for it before.
  const directory = out ?? (isBroken ? await mkdtemp(join(tmpdir(), `baton-broken-${name}-`)) : undefined);
  if (directory === undefined) return { report, seen: [] };
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(directory, 'report.html'), await page(report));
  await writeFile(join(directory, 'accesses.json'), `${JSON.stringify(accesses, null, 2)}\n`);
  await writeFile(join(directory, 'log.jsonl'), log.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return { report, page: absolute(directory, 'report.html'), seen: isBroken ? whatWasLogged(report, log, beganAtMs) : [] };
}
