/** The search for secrets finds what is planted: a search that finds nothing must be able to find something. */
import { expect, test } from 'vitest';
import { findings } from '../../rehearsal/secrets-found.ts';

const secrets = new Map([['venue secret', 'canary-1'], ['cache token', 'canary-2']]);

test('each secret is named with the place in which it stands', () => {
  const places = new Map([['the log', 'connecting with canary-2'], ['the report', 'nothing'], ['the templates', '{"a":"canary-1","b":"canary-2"}']]);
  expect(findings(places, secrets)).toEqual(['cache token in the log', 'venue secret in the templates', 'cache token in the templates']);
});

test('nothing is found where nothing is', () => {
  expect(findings(new Map([['the log', 'canary-']]), secrets)).toEqual([]);
});
