/**
 * The process that cleans up when the rehearsal cannot: it reads from a pipe which process groups and directories
 * exist, and when the pipe closes – however its other end died – it ends the groups and removes the directories.
 *
 * One JSON value a line: `{ "add": Belonging }` or `{ "drop": id }`.
 */
import { createInterface } from 'node:readline';

import { removeTree } from './remove-tree.ts';

export type Belonging =
  | { readonly id: string; readonly kind: 'group'; readonly pid: number; readonly lastSignal: 'SIGKILL' | 'SIGQUIT' }
  | { readonly id: string; readonly kind: 'directory'; readonly path: string };
export type ReaperLine = { readonly add: Belonging } | { readonly drop: string };

/** How long a group may take to end on a signal that it can handle. */
const lastSignalBoundMs = 3000;

/** Signals a process group; false when it no longer exists. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

async function reap(belongings: Iterable<Belonging>): Promise<void> {
  const all = [...belongings];
  const groups = all.filter((one) => one.kind === 'group');
  for (const group of groups) signalGroup(group.pid, group.lastSignal);
  const deadline = Date.now() + lastSignalBoundMs;
  while (groups.some((group) => signalGroup(group.pid, 0)) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const group of groups) signalGroup(group.pid, 'SIGKILL');
  for (const one of all) {
    if (one.kind === 'directory') removeTree(one.path);
  }
}

async function main(): Promise<void> {
  // A Ctrl-C in the terminal reaches the rehearsal; its reaper goes last.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const belongings = new Map<string, Belonging>();
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line) as ReaperLine;
    if ('add' in message) belongings.set(message.add.id, message.add);
    else belongings.delete(message.drop);
  }
  await reap(belongings.values());
}

if (import.meta.main) await main();
