import { news, type Invariant } from './invariant.ts';

export const oneOrderAnId: Invariant = {
  number: 4,
  name: 'one client order id, one order',
  watch: ({ record }) => {
    const newEntries = news(record);
    const accepted = new Map<string, string>();
    return {
      afterEvent() {
        for (const { accepted: taken, clientOrderId: id, orderId = '', path } of newEntries()) {
          if (!taken || id === undefined || !path.endsWith('/order/create')) continue;
          const before = accepted.get(id);
          if (before !== undefined) return `${id} is order ${before} and order ${orderId}`;
          accepted.set(id, orderId);
        }
        return undefined;
      },
    };
  },
};
