/** The judge must find fault with bad records: these are made by hand. */
import { describe, expect, it } from 'vitest';
import type { Epoch, BookName } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import { judge } from '../../rehearsal/venue/judge.ts';
import { authorOf, createOrderPath, type VenueEntry } from '../../rehearsal/venue/record.ts';

const book = 'alpha' as BookName;
let sequence = 0;

function order(epoch: number, atMs: number, change: Partial<VenueEntry> & { id?: string } = {}): VenueEntry {
  sequence += 1;
  const { id = clientOrderId({ book, epoch: epoch as Epoch, sequence }), ...rest } = change;
  return {
    arrivedAtMs: atMs - 1,
    decidedAtMs: atMs,
    method: 'POST',
    path: createOrderPath,
    apiKey: 'key',
    account: '1',
    accepted: true,
    code: 0,
    ...authorOf(id),
    ...rest,
  };
}

describe('the judge', () => {
  it('finds nothing wrong with a clean handover', () => {
    const record = [order(1, 0), order(1, 100), order(2, 250), order(2, 350)];
    expect(
      judge(record, {
        book,
        grants: [
          { epoch: 1, atMs: -10 },
          { epoch: 2, atMs: 180 },
        ],
      }),
    ).toEqual({
      ordersSent: 4,
      ordersAccepted: 4,
      duplicatesAccepted: 0,
      staleEpochAccepted: 0,
      lateRejected: 0,
      maxGapMs: 150,
      overlapMs: 0,
      handovers: [{ fromEpoch: 1, toEpoch: 2, gapMs: 150, longestGapMs: 150, firstOrderAtMs: 250 }],
    });
  });

  it('finds a duplicate', () => {
    const id = clientOrderId({ book, epoch: 1 as Epoch, sequence: 5 });
    expect(judge([order(1, 0, { id }), order(1, 10, { id }), order(1, 20, { id })], { book }).duplicatesAccepted).toBe(2);
  });

  it("does not call two accounts' equal ids a duplicate", () => {
    const id = clientOrderId({ book, epoch: 1 as Epoch, sequence: 5 });
    expect(judge([order(1, 0, { id }), order(1, 10, { id, account: '2' })], { book }).duplicatesAccepted).toBe(0);
  });

  it('finds an order of an old epoch after one of a newer', () => {
    const judgement = judge([order(1, 0), order(2, 100), order(1, 150), order(2, 200)], { book });
    expect(judgement).toMatchObject({ staleEpochAccepted: 1, overlapMs: 50 });
  });

  it('finds an order of an old epoch after a newer was granted, even if that one never traded', () => {
    const record = [order(1, 0), order(1, 200)];
    expect(judge(record, { book }).staleEpochAccepted).toBe(0);
    expect(judge(record, { book, grants: [{ epoch: 2, atMs: 150 }] }).staleEpochAccepted).toBe(1);
  });

  it('judges by the decision, not by the order of the record', () => {
    expect(judge([order(2, 100), order(1, 50)], { book }).staleEpochAccepted).toBe(0);
  });

  it('measures the time in which two epochs both traded', () => {
    expect(judge([order(1, 0), order(2, 100), order(1, 400), order(2, 900)], { book }).overlapMs).toBe(300);
    expect(judge([order(1, 0), order(3, 100), order(1, 400), order(2, 500), order(3, 900)], { book }).overlapMs).toBe(300);
  });

  it('sees the stumble right after a change of hands, and not a pause far from one', () => {
    expect(judge([order(1, 0), order(1, 100), order(2, 200), order(2, 1500), order(2, 1600)], { book }).maxGapMs).toBe(1300);
    expect(judge([order(1, 0), order(1, 9000), order(1, 9100), order(2, 9200), order(2, 9300)], { book }).maxGapMs).toBe(100);
    expect(judge([order(1, 0), order(1, 9000)], { book }).maxGapMs).toBe(0);
  });

  it('counts what was refused as late, and other refusals only as sent', () => {
    const refused = (code: number) => order(1, 10, { accepted: false, code });
    expect(judge([order(1, 0), refused(10002), refused(10006)], { book })).toMatchObject({
      ordersSent: 3,
      ordersAccepted: 1,
      lateRejected: 1,
    });
  });

  it('keeps books apart and ignores what is no order', () => {
    const other = clientOrderId({ book: 'beta' as BookName, epoch: 7 as Epoch, sequence: 1 });
    const record = [
      order(1, 0),
      order(7, 10, { id: other }),
      order(1, 20),
      order(1, 30, { path: '/v5/order/cancel' }),
      order(1, 40, { id: 'by-hand' }),
    ];
    expect(judge(record, { book })).toMatchObject({ ordersSent: 2, staleEpochAccepted: 0 });
    expect(judge(record, { book: 'beta' })).toMatchObject({ ordersSent: 1 });
  });
});
