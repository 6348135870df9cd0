/**
 * The swap of two databases by their names, as a protocol: whatever was asked before, how often, and whichever answers were lost, no two instances ever want one name, and
 * whoever goes on asking gets there.
 */
import type { DBInstance } from '@aws-sdk/client-rds';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { restoreSteps } from '../../lib/restore/steps.ts';
import { Secret } from '../../lib/secret.ts';

const inUse = 'baton-dev';
const swapped = { name: 'baton-dev-restore-1', aside: 'baton-dev-before-1', original: 'db-1' };
type Act = 'swap' | 'swapBack' | 'time passes';

/** RDS as it renames: only what is available, to a name that is free, and the new name holds after a while. */
class Rds {
  readonly instances = [
    { id: 'db-1', name: inUse, status: 'available', to: '' },
    { id: 'db-2', name: swapped.name, status: 'available', to: '' },
  ];
  readonly refused: string[] = [];

  shown(name: string): DBInstance | undefined {
    const found = this.instances.find((each) => each.name === name);
    return found && { DBInstanceIdentifier: found.name, DbiResourceId: found.id, DBInstanceStatus: found.status };
  }
  rename(name: string, to: string): void {
    const found = this.instances.find((each) => each.name === name)!;
    const isTaken = this.instances.some((each) => each.name === to || (each.to === to && each !== found));
    if (found.status !== 'available' || isTaken) this.refused.push(`${name} to ${to}`);
    else Object.assign(found, { status: 'renaming', to });
  }
  passTime(): void {
    for (const each of this.instances.filter(({ status }) => status === 'renaming')) Object.assign(each, { name: each.to, status: 'available', to: '' });
  }
}

function stepsOn(rds: Rds): ReturnType<typeof restoreSteps> {
  const unused = async (): Promise<never> => Promise.reject(new Error('nobody swaps with this'));
  return restoreSteps({
    installation: inUse, region: 'us-east-1', inUse, books: [], control: new LeaseControl(new MemoryLeaseStore()), nowMs: () => 0,
    masterPassword: async () => new Secret(''), evidence: { keys: unused, read: unused },
    databases: {
      database: async (name) => rds.shown(name), window: unused, restore: unused, setPassword: unused,
      rename: async (name, to) => rds.rename(name, to),
      takeIntoUse: async ({ DBInstanceIdentifier: name = '' }, { name: to }) => rds.rename(name, to),
    },
  });
}

const acts = fc.array(fc.constantFrom<Act>('swap', 'swapBack', 'time passes'), { maxLength: 12 });

test.each(['swap', 'swapBack'] as const)('after anything, whoever asks on for the %s gets there, and RDS never refuses a name', async (last) => {
  await fc.assert(fc.asyncProperty(acts, async (before) => {
    const rds = new Rds();
    const steps = stepsOn(rds);
    for (const act of before) {
      if (act === 'time passes') rds.passTime();
      else if (act === 'swap') await steps.swap({ ...swapped, books: [] });
      else await steps.swapBack(swapped);
    }
    let state = '';
    for (let round = 0; round < 8 && !['done', 'swapped'].includes(state); round += 1) {
      ({ state } = last === 'swap' ? await steps.swap({ ...swapped, books: [] }) : await steps.swapBack(swapped));
      rds.passTime();
    }
    const named = rds.shown(inUse)?.DbiResourceId;
    // Of what was begun before, either may have won; but what is answered is what is.
    expect({ state, named, refused: rds.refused }).toEqual({
      state: last === 'swap' ? 'done' : named === 'db-1' ? 'done' : 'swapped', named: last === 'swap' ? 'db-2' : expect.stringMatching(/^db-[12]$/) as string, refused: [],
    });
    expect(rds.instances.map(({ status }) => status)).toEqual(['available', 'available']);
  }));
});
