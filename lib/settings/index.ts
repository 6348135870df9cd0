/** The settings by environment: found by name, parsed once, refused in words that say what to do. */
import * as z from 'zod';
import { dev } from './dev.ts';
import { production } from './production.ts';
import { Settings, type SettingsInput } from './schema.ts';
import { staging } from './staging.ts';

export type { BookSettings, RegionSettings, Settings, SettingsInput } from './schema.ts';

const environments: Readonly<Record<string, SettingsInput>> = { dev, staging, production };
export const environmentNames = Object.keys(environments);

/** A setting that cannot be deployed: which one, what was seen, what to do. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

export function loadSettings(environment: string): Settings {
  return parseSettings(settingsInputOf(environment), `lib/settings/${environment}.ts`);
}

/** As the environment's file writes them. */
export function settingsInputOf(environment: string): SettingsInput {
  const input = Object.hasOwn(environments, environment) ? environments[environment] : undefined;
  if (input === undefined) {
    throw new SettingsError(
      `There is no environment '${environment}'. Choose one of ${environmentNames.join(', ')} (-c environment=… or BATON_ENV), ` +
        'or add a file for it in lib/settings/.',
    );
  }
  return input;
}

/** Whose bot is not ready before its database can be written. */
export function booksThatWrite({ books }: Settings): readonly string[] {
  return books.flatMap(({ name, requires }) => (requires.includes('database') ? [name] : []));
}

/** @param source where a person finds what is wrong */
export function parseSettings(input: unknown, source: string): Settings {
  const parsed = Settings.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => {
    const path = z.core.toDotPath(issue.path) || '(the whole)';
    return `  ${path}: ${issue.message}. Seen: ${seen(input, issue.path)}. ${remedy(issue)}`;
  });
  throw new SettingsError(`Wrong settings in ${source}:\n${faults.join('\n')}`);
}

function seen(input: unknown, path: readonly PropertyKey[]): string {
  let value: unknown = input;
  for (const key of path) value = value === null || typeof value !== 'object' ? undefined : (value as Record<PropertyKey, unknown>)[key];
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

function remedy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return `Remove ${issue.keys.map((key) => `'${key}'`).join(', ')}, or correct the spelling.`;
    case 'too_small':
      return `Set it to ${String(issue.minimum)} or more.`;
    case 'too_big':
      return `Set it to ${String(issue.maximum)} or less.`;
    case 'invalid_value':
      return `Set it to one of: ${issue.values.map(String).join(', ')}.`;
    case 'invalid_format':
      return issue.message.startsWith('Invalid') ? `Give a valid ${issue.format}.` : `Set it to ${issue.message}.`;
    case 'invalid_type':
      return `Give a ${issue.expected}.`;
    default:
      return issue.message.startsWith('Invalid') ? 'Give a value of the expected type.' : `Set it so that this holds: ${issue.message}.`;
  }
}
