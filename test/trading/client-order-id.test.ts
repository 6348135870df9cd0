import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId, parseClientOrderId } from '../../lib/trading/client-order-id.ts';

const author = fc.record({
  book: fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/).map((name) => name as BookName),
  epoch: fc.integer({ min: 0, max: 36 ** 6 - 1 }).map((epoch) => epoch as Epoch),
  sequence: fc.integer({ min: 0, max: 36 ** 9 - 1 }),
});

it("is read back as it was made, within the strictest venue's alphabet and length", () => {
  fc.assert(
    fc.property(author, (made) => {
      const id = clientOrderId(made);
      expect(id).toMatch(/^[a-z0-9]{1,32}$/);
      expect(parseClientOrderId(id)).toEqual(made);
    }),
  );
});

it('differs for different authors', () => {
  fc.assert(
    fc.property(author, author, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b));
      expect(clientOrderId(a)).not.toBe(clientOrderId(b));
    }),
  );
});

it('reads nothing into ids that are not ours, and makes none that does not fit', () => {
  for (const id of ['', 'by-hand', 'x000001000000001', 'Alphax000001000000001', 'toolongabookx000001000000001'])
    expect(parseClientOrderId(id)).toBeUndefined();
  const fits = { book: 'alpha' as BookName, epoch: 1 as Epoch, sequence: 1 };
  expect(() => clientOrderId({ ...fits, book: 'Alpha' as BookName })).toThrow(/not a book name/);
  expect(() => clientOrderId({ ...fits, epoch: (36 ** 6) as Epoch })).toThrow(/epoch/);
  expect(() => clientOrderId({ ...fits, sequence: -1 })).toThrow(/sequence/);
});
