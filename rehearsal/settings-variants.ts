/** Settings that some stories need and no environment has: an environment's own, with one thing changed. */
import { parseSettings, settingsInputOf, type Settings, type SettingsInput } from '../lib/settings/index.ts';

const changes = {
  /** The standby Region takes over by itself, after as short a silence as may be set. */
  automatic: (input) => ({ ...input, recovery: { ...input.recovery, automatic: true, silentLeases: 3 } }),
  /** The bot of the second book needs the database; where there is no second one, it is like the first. */
  'database-required': ({ books: [first, second], ...input }) => ({
    ...input, books: first === undefined ? [] : [first, { ...(second ?? { ...first, name: 'beta' }), requires: ['database'] }],
  }),
} satisfies Readonly<Record<string, (input: SettingsInput) => SettingsInput>>;
export type SettingsVariant = keyof typeof changes;

/** As the environment's file has them when no variant is named. */
export function settingsOf(environment: string, variant?: SettingsVariant): Settings {
  const input = settingsInputOf(environment);
  return parseSettings(variant === undefined ? input : changes[variant](input), `lib/settings/${environment}.ts`);
}
