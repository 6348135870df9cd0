/** Pages of a listing: everything once, in order, whatever is asked for and whatever is added meanwhile. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { pageOf } from '../../../rehearsal/services/pages.ts';

const keyOf = (element: string): string => element;

test('every element comes once and in order, on pages no longer than asked for', () => {
  const elements = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 40 });
  fc.assert(
    fc.property(elements, fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }), fc.integer({ min: 1, max: 20 }), (all, size, sizeMax) => {
      const seen: string[] = [];
      let token: string | undefined;
      do {
        const { elements: page, next }: ReturnType<typeof pageOf<string>> = pageOf(all, { token, size, sizeMax, keyOf });
        expect(page.length).toBeLessThanOrEqual(Math.min(size || sizeMax, sizeMax));
        seen.push(...page);
        token = next;
      } while (token !== undefined);
      expect(seen).toEqual(all);
    }),
  );
});

test('what is added in front of the next page, or behind, changes nothing of what is still to come', () => {
  const { next } = pageOf(['c', 'b', 'a'], { token: undefined, size: 1, sizeMax: 10, keyOf });
  expect(pageOf(['d', 'c', 'b', 'a', 'A'], { token: next, size: undefined, sizeMax: 10, keyOf }).elements).toEqual(['b', 'a', 'A']);
});

test('a token that was not given out is refused under the name that the service has for it', () => {
  expect(() => pageOf(['a'], { token: 'nonsense', size: 1, sizeMax: 10, keyOf, invalidToken: 'InvalidNextToken' })).toThrow(
    expect.objectContaining({ name: 'InvalidNextToken' }),
  );
});
