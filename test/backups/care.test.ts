import { expect, test } from 'vitest';
import { careSteps } from '../../lib/backups/care.ts';

const of = { recoveryPoint: 'arn:aws:rds:us-east-1:1:snapshot:awsbackup:job-1', vault: 'baton-dev', at: '2026-11-22T01:00:00Z' };
const steps = careSteps({ settings: '{"environment":"dev"}', machines: async () => new Map(), save: async () => undefined });

test.each([
  ['due', 'its time is over', '2026-11-22T00:59:59Z'],
  ['due', 'its time is over this second', '2026-11-22T01:00:00Z'],
  ['early', 'a second is left', '2026-11-22T01:00:01Z'],
  ['early', 'it was to be kept for ever', ''],
] as const)('a deletion is %s when %s', async (deletion, _what, deleteAt) => {
  expect(await steps.judgeDeletion({ ...of, deleteAt })).toMatchObject({ deletion });
});

test('settings and each machine are kept, each under its name, with the reason', async () => {
  const saved = new Map<string, string>();
  const { saveConfiguration } = careSteps({
    settings: '{"environment":"dev"}',
    machines: async () => new Map([['baton-dev-halt', '{"StartAt":"A"}']]),
    save: async (key, body, because) => void saved.set(key, `${body} ${because}`),
  });
  expect(await saveConfiguration({ because: 'once a day' })).toEqual({ saved: ['configuration/settings.json', 'configuration/machines/baton-dev-halt.json'] });
  expect(Object.fromEntries(saved)).toEqual({
    'configuration/settings.json': '{"environment":"dev"} once a day', 'configuration/machines/baton-dev-halt.json': '{"StartAt":"A"} once a day',
  });
});
