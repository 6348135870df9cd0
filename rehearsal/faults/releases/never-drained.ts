/** The old release of the fault `blue-does-not-drain`: the real trader, which stops when told and never says that it has. */
import { PermitSource } from '../../../lib/lease/permit-source.ts';

PermitSource.prototype.drained = (): Promise<void> => new Promise(() => undefined);
await import('../../../containers/trader/main.ts');
