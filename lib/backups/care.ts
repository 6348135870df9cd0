/** What is judged of backups, and what is kept of the configuration. */
import type { backupCare } from '../contracts/backups.ts';
import type { Implementation } from '../contracts/step.ts';

export interface CareParts {
  readonly settings: string;
  /** The machines of this installation, by name, with their definitions. */
  readonly machines: () => Promise<ReadonlyMap<string, string>>;
  /** As a new version of the object. */
  readonly save: (key: string, body: string, because: string) => Promise<void>;
}

/** AWS Backup deletes "at some random point over the following 8 hours" after the end of a lifecycle, and never before. */
export function careSteps({ settings, machines, save }: CareParts): Implementation<typeof backupCare> {
  return {
    async judgeDeletion({ recoveryPoint, vault, deleteAt, at }) {
      const isDue = deleteAt !== '' && Date.parse(at) >= Date.parse(deleteAt);
      const kept = deleteAt === '' ? 'was to be kept for ever' : `was to be kept until ${deleteAt}`;
      return { deletion: isDue ? 'due' : 'early', seen: `${recoveryPoint} in ${vault} ${kept} and is gone since ${at}` };
    },
    async saveConfiguration({ because }) {
      const all = new Map([['settings.json', settings], ...[...(await machines())].map(([name, definition]) => [`machines/${name}.json`, definition] as const)]);
      const saved = [...all.keys()].map((name) => `configuration/${name}`);
      await Promise.all([...all].map(([name, body]) => save(`configuration/${name}`, body, because)));
      return { saved };
    },
  };
}
