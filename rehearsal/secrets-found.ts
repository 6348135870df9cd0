/**
 * Looks for the value of every secret that an installation ever had, replaced ones and those that only the venue knows of included, in
 * every place where it must not be: what was synthesized, logged, recorded, reported and told, and what any process was started with.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Installation } from './installation.ts';

/** `<secret> in <place>` for each that was found. */
export async function secretsFound(installation: Installation): Promise<readonly string[]> {
  const { secrets, storedSecrets, venue } = installation;
  const ofVenue = venue.keys.ever.map(({ account, secret }, nth) => [`venue secret of ${account}, key ${nth + 1}`, secret] as const);
  const stored = storedSecrets.everHeld.flatMap(({ name, secretString }, nth) => secretTexts(secretString).map((text) => [`value ${nth + 1} of ${name}`, text] as const));
  // Several names of one value are one finding.
  const byValue = new Map([...stored, ...ofVenue, ...secrets].map(([name, value]) => [value, name]));
  return findings(await placesOf(installation), new Map([...byValue].map(([value, name]) => [name, value])));
}

/** What of a stored value must not be seen: all of a plain text; of a JSON object what is called a secret there. What a template may show is none. */
export function secretTexts(secretString: string): readonly string[] {
  let members: unknown;
  try {
    members = JSON.parse(secretString);
  } catch {
    return [secretString];
  }
  if (typeof members !== 'object' || members === null) return [secretString];
  return Object.entries(members).flatMap(([name, value]) =>
    /secret|password|passphrase|token/i.test(name) && typeof value === 'string' && value.length >= shortestSecret ? [value] : [],
  );
}

/** Shorter ones are the placeholders of a first deployment. */
const shortestSecret = 16;

export function findings(places: ReadonlyMap<string, string>, secrets: ReadonlyMap<string, string>): readonly string[] {
  return [...places].flatMap(([place, text]) => [...secrets].filter(([, value]) => text.includes(value)).map(([name]) => `${name} in ${place}`));
}

async function placesOf(installation: Installation): Promise<ReadonlyMap<string, string>> {
  const { world, log, logs, tasks, supervisor, assemblyDirectory, watchers } = installation;
  // They hold what was reported and told, too: as the arguments of those tasks.
  const histories = await Promise.all(
    watchers.executionLog.executions.map(({ arn, region }) =>
      world.look({ service: 'states', operation: 'GetExecutionHistory', region, input: { executionArn: arn, maxResults: 1000, includeExecutionData: true } }),
    ),
  );
  return new Map([
    ['the templates', await templatesIn(assemblyDirectory)],
    ['the log of the models', JSON.stringify(log)],
    ['the logs of functions and containers', JSON.stringify([...logs.everything()])],
    ['the histories of the executions', JSON.stringify(histories)],
    ['the recorded calls', JSON.stringify(world.calls)],
    ['the task definitions', JSON.stringify(tasks.tasks().map((task) => task.definition))],
    ['the command lines and environments of processes', await startsOf(supervisor.children.map((child) => child.pid))],
  ]);
}

async function templatesIn(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  return (await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))).join('\n');
}

/** A process that ends meanwhile has nothing to show. */
async function startsOf(pids: readonly number[]): Promise<string> {
  const files = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
  return (await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))).join('\n');
}
