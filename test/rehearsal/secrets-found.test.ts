/** The search for secrets finds what is planted: a search that finds nothing must be able to find something. */
import { expect, test } from 'vitest';
import { findings, secretTexts } from '../../rehearsal/secrets-found.ts';

const secrets = new Map([['venue secret', 'canary-1'], ['cache token', 'canary-2']]);

test('each secret is named with the place in which it stands', () => {
  const places = new Map([['the log', 'connecting with canary-2'], ['the report', 'nothing'], ['the templates', '{"a":"canary-1","b":"canary-2"}']]);
  expect(findings(places, secrets)).toEqual(['cache token in the log', 'venue secret in the templates', 'cache token in the templates']);
});

test('nothing is found where nothing is', () => {
  expect(findings(new Map([['the log', 'canary-']]), secrets)).toEqual([]);
});

test('of what is stored: a plain text as it is, of an object what is called a secret, and no placeholder', () => {
  expect(secretTexts('a plain token')).toEqual(['a plain token']);
  const [password, key] = ['p'.repeat(16), 'k'.repeat(30)];
  expect(secretTexts(JSON.stringify({ username: 'baton', password, apiKey: 'public-part', secret: key, retires: [], passphrase: 'not-yet-set' }))).toEqual([password, key]);
  expect(secretTexts('1234567890')).toEqual(['1234567890']);
});
