/** The bad release of the fault `green-never-healthy`: the real trader, which says for ever that it is not ready. */
import { PermitSource } from '../../../lib/lease/permit-source.ts';

const { reportStatus: report } = PermitSource.prototype as { reportStatus: (this: PermitSource, status: object) => Promise<void> };
PermitSource.prototype.reportStatus = function (status): Promise<void> {
  return report.call(this, { ...status, ready: false });
};
await import('../../../containers/trader/main.ts');
