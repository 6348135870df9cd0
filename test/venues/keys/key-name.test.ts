/** The names of our keys: what the strictest venue takes, the same for the same version, and nobody else's. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOurs, keyName } from '../../../lib/venues/keys/key-name.ts';

const book = fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/);
const version = fc.uuid();

test('are sixteen letters and digits, recognised as ours, and follow from book and version', () => {
  fc.assert(fc.property(book, version, (ofBook, ofVersion) => {
    const name = keyName(ofBook, ofVersion);
    expect(name).toMatch(/^[a-z0-9]{16}$/);
    expect(isOurs(name)).toBe(true);
    expect(keyName(ofBook, ofVersion)).toBe(name);
  }));
});

test('differ for another version, and for another book', () => {
  fc.assert(fc.property(book, book, version, version, (oneBook, otherBook, one, other) => {
    fc.pre(one !== other && oneBook !== otherBook);
    expect(new Set([keyName(oneBook, one), keyName(oneBook, other), keyName(otherBook, one)]).size).toBe(3);
  }));
});

test('of others are not ours, however close', () => {
  fc.assert(fc.property(fc.string(), (name) => {
    expect(isOurs(name)).toBe(/^baton[0-9a-f]{11}$/.test(name));
  }));
  for (const name of ['', 'baton', 'my baton key', 'baton0123456789', 'baton0123456789ab', 'Baton0123456789a', 'baton0123456789g', ' baton0123456789a']) expect(isOurs(name)).toBe(false);
});
