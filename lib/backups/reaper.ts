/**
 * The last net below verifications and restores: what they make is torn down by their machines in every ending; what a machine
 * could not tear down, because it was killed itself, is found by name, tag and age. What is too young may still be in use.
 */
import { temporaryNames, temporaryTags, type backupReaper } from '../contracts/backups.ts';
import type { Implementation } from '../contracts/step.ts';

export interface Temporary {
  readonly name: string;
  /** By key; caches have none and are known by name alone. */
  readonly tags?: ReadonlyMap<string, string>;
  readonly madeAt: Date | undefined;
  /** Being deleted already. */
  readonly going: boolean;
}

/** Of one kind of resource. */
export interface Kind {
  readonly what: string;
  readonly list: () => Promise<readonly Temporary[]>;
  readonly remove: (name: string) => Promise<void>;
}

export function reaperSteps({ prefix, oldestHours, kinds, nowMs }: {
  /** `baton-<environment>`. */
  readonly prefix: string;
  readonly oldestHours: number;
  readonly kinds: readonly Kind[];
  readonly nowMs: () => number;
}): Implementation<typeof backupReaper> {
  const isOurs = ({ name, tags }: Temporary): boolean =>
    temporaryNames.some((temporary) => name.startsWith(`${prefix}-${temporary}-`)) && tags?.has(temporaryTags.execution) !== false;
  const isOld = ({ madeAt }: Temporary): boolean => madeAt !== undefined && nowMs() - madeAt.getTime() > oldestHours * 3_600_000;
  return {
    async reap() {
      const reaped: string[] = [];
      const failed: string[] = [];
      for (const { what, list, remove } of kinds) {
        for (const found of (await list()).filter((each) => isOurs(each) && isOld(each) && !each.going)) {
          try {
            await remove(found.name);
            reaped.push(`${what} ${found.name}, made ${found.madeAt?.toISOString()}`);
          } catch (error) {
            failed.push(`${what} ${found.name}: ${error instanceof Error ? error.message : String(error)}`);
          }
        }
      }
      return { work: failed.length > 0 ? 'failed' : reaped.length > 0 ? 'reaped' : 'nothing', reaped, failed };
    },
  };
}
