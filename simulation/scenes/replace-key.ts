/** Replacements of a key by hand, and the person who does what the messages say. */
import { Secret } from '../../lib/secret.ts';
import { book, CutoverWorld } from '../worlds/cutover.ts';
import { graceHours, plantedSecret, unusedSeconds, World } from '../worlds/keys.ts';

export const request = { book, reason: 'the key has seven days left', requestedBy: 'ada' };
const addresses = ['203.0.113.1', '203.0.113.2'];

export interface Doing {
  readonly puts?: boolean;
  readonly deletes?: boolean;
}
/** A person who does what the messages say: what is pasted is read from them. */
export async function withAPerson({ puts = true, deletes = true }: Doing = {}): Promise<CutoverWorld> {
  const world = await CutoverWorld.trading();
  world.uncompressed = 60;
  world.keys = new World({ byHand: true });
  world.onPersonAsked = (subject, message) => {
    const { keys } = world;
    if (subject.includes('a new exchange key is wanted')) {
      const [, secretId = '', version = ''] = /--secret-id (\S+) --client-request-token ([0-9a-f]{32}) --version-stages AWSPENDING/.exec(message) ?? [];
      if (puts && secretId === `baton-dev/${book}/venue`) {
        keys.keys.set('k-hand', { apiKey: 'k-hand', name: 'by hand', usableFromSeconds: 0, addresses });
        const secret = keys.secrets.get('us-east-1')!;
        secret.values.set(version, { apiKey: 'k-hand', secret: new Secret(plantedSecret), name: 'by hand', retires: [] });
        secret.stages.pending = version;
      }
    } else {
      // The grace has passed on the machine's clock.
      keys.pass(graceHours * 3600 + unusedSeconds);
      if (deletes) keys.keys.delete('k-person');
    }
    return { output: {} };
  };
  return world;
}
