/** The steps of a cutover that write the lease. Each may run twice: LeaseControl's writes are repeatable. */
import type { leaseControl } from '../contracts/cutover.ts';
import type { Implementation } from '../contracts/step.ts';
import type { LeaseControl } from '../lease/control.ts';
import { colourOf, type Lease } from '../lease/model.ts';
import { NotReadyForCutoverError } from './errors.ts';
import { planCutover } from './plan.ts';

export function leaseSteps(control: LeaseControl): Implementation<typeof leaseControl> {
  return {
    async takeBook({ book, execution }) {
      // Looked at before the book is taken, so that a refusal has changed nothing.
      planCutover(atHome(await control.read(book), execution));
      const { token, lease } = await control.takeWorkflow(book, execution);
      try {
        const plan = planCutover(atHome(lease, execution));
        return { token, ...plan, epoch: lease.epoch, home: lease.home, live: lease.live ?? null };
      } catch (refusal) {
        await control.releaseWorkflow(book, execution);
        throw refusal;
      }
    },
    async openBook({ book, token }) {
      return { mode: (await control.open(book, token)).mode };
    },
    async startDrain({ book, token, successor }) {
      const { mode, epoch } = await control.startDrain(book, token, successor);
      return { mode, epoch };
    },
    async cancelDrain({ book, token }) {
      const { holder } = await control.cancelDrain(book, token);
      return { holder: holder === undefined ? null : colourOf(holder) };
    },
    async recordLive({ book, token, takesAway, ...live }) {
      return { epoch: (await control.recordLive(book, token, live, takesAway)).epoch };
    },
    async closeWayBack({ book, token, taskDefinition }) {
      return { epoch: (await control.closeWayBack(book, token, taskDefinition)).epoch };
    },
    async forgetColour({ book, token, colour }) {
      const { home } = await control.checkToken(book, token);
      return { removed: await control.removeRegistrations(book, { colour, region: home }) };
    },
    async releaseBook({ book, execution }) {
      return { released: (await control.releaseWorkflow(book, execution)).released };
    },
  };
}

/** A machine acts in its own Region alone, which the name of its execution tells; elsewhere it would only disturb. */
function atHome(lease: Lease, execution: string): Lease {
  const [, , , region = ''] = execution.split(':');
  if (region === lease.home) return lease;
  throw new NotReadyForCutoverError(lease.book, `its home is ${lease.home}, and this execution runs in ${region}`, 'Start it there.');
}
