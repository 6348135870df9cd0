import { isLease } from '../system.ts';
import { news, type Invariant } from './invariant.ts';

/** The promise itself. The venue decides in its own order; a grant counts from the write that made it. */
export const noStaleOrder: Invariant = {
  number: 1,
  name: 'no order is accepted from an epoch older than one already granted',
  watch: ({ writes, record }) => {
    const newWrites = news(writes);
    const newEntries = news(record);
    let newest = 0;
    return {
      afterEvent() {
        for (const { after } of newWrites()) {
          if (after !== undefined && isLease(after)) newest = Math.max(newest, Number((after['epoch'] as { N: string }).N));
        }
        const stale = newEntries().find(({ accepted, epoch }) => accepted && epoch !== undefined && epoch < newest);
        return stale && `order ${stale.clientOrderId} of epoch ${stale.epoch} was accepted after epoch ${newest} was granted`;
      },
    };
  },
};
