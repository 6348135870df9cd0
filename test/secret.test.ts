import { format, inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from '../lib/secret.ts';

it('appears nowhere but where it is asked for', () => {
  const secret = new Secret('canary');
  const shown = [
    String(secret),
    ['text with', secret].join(' '),
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9, showHidden: true }),
    format('%o %s %j', secret, secret, secret),
  ];
  expect(shown.join()).not.toContain('canary');
  expect(JSON.stringify(Object.getOwnPropertyDescriptors(secret))).not.toContain('canary');
  expect(secret.reveal()).toBe('canary');
  expect(() => new Secret('')).toThrow(/empty/);
});
