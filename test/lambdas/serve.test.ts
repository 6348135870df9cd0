/** The wiring of contracts to Lambda. */
import { expect, it, vi } from 'vitest';
import { serve } from '../../lambdas/serve.ts';
import { cutoverInspection } from '../../lib/contracts/cutover.ts';
import type { Implementation } from '../../lib/contracts/step.ts';
import { RequestRefusedError } from '../../lib/cutover/errors.ts';
import { LeaseUnreachableError } from '../../lib/lease/errors.ts';

const environment = { BATON_LEASE_TABLE: 'lease', BATON_JOURNAL_TABLE: 'journal', BATON_BOOKS: 'main' };
const implementation = (more: Partial<Implementation<typeof cutoverInspection>> = {}): Implementation<typeof cutoverInspection> => {
  const unused = async (): Promise<never> => {
    throw new Error('not this step');
  };
  return {
    checkRequest: unused, checkGates: unused, standbys: unused, handover: unused, trading: unused, beforeCanary: unused, watchCanary: unused, ...more,
  };
};
vi.spyOn(console, 'info').mockImplementation(() => undefined);
vi.spyOn(console, 'warn').mockImplementation(() => undefined);
vi.spyOn(console, 'error').mockImplementation(() => undefined);

it('gives the environment to the builder and the parsed input to the step', async () => {
  const seen: unknown[] = [];
  const handler = serve(cutoverInspection, { ...environment, PATH: '/bin' }, (read) => {
    seen.push(read);
    return implementation({ handover: async (input) => (seen.push(input), { state: 'waiting', epoch: 1, holder: null }) });
  });
  expect(await handler({ step: 'handover', book: 'main', token: 3, to: 'green', aboveEpoch: 7, drainedEpoch: 7 })).toEqual({
    state: 'waiting',
    epoch: 1,
    holder: null,
  });
  expect(seen).toEqual([environment, { book: 'main', token: 3, to: 'green', aboveEpoch: 7, drainedEpoch: 7 }]);
});

it('fails at the cold start when a variable is missing, and names it', () => {
  expect(() => serve(cutoverInspection, { BATON_LEASE_TABLE: 'lease', BATON_BOOKS: 'main' }, () => implementation())).toThrow(
    /cutover-inspection.*BATON_JOURNAL_TABLE/,
  );
});

it('names a step that it does not have', async () => {
  await expect(serve(cutoverInspection, environment, () => implementation())({ step: 'nosuch' })).rejects.toMatchObject({
    name: 'ContractBrokenError', message: expect.stringMatching(/'nosuch'; it has checkRequest, checkGates/) as string,
  });
});

it('names the field of an input that breaks the contract', async () => {
  const handler = serve(cutoverInspection, environment, () => implementation());
  await expect(handler({ step: 'handover', book: 'main', token: 'x', to: 'green', aboveEpoch: 7, drainedEpoch: 7 })).rejects.toMatchObject({
    name: 'ContractBrokenError', message: expect.stringMatching(/'handover' is wrong: token/) as string,
  });
});

it('lets errors keep the names that the state machine catches', async () => {
  const handler = serve(cutoverInspection, environment, () => implementation({
    beforeCanary: async () => {
      throw new LeaseUnreachableError('main', 'read', 'throttled');
    },
  }));
  await expect(handler({ step: 'beforeCanary', book: 'main' })).rejects.toMatchObject({ name: 'LeaseUnreachableError' });
});

it('answers a refusal instead of throwing it, where its step declares it as one', async () => {
  const refusing = async (): Promise<never> => {
    throw new RequestRefusedError('no such book');
  };
  const handler = serve(cutoverInspection, environment, () => implementation({ checkRequest: refusing, beforeCanary: refusing }));
  expect(await handler({ step: 'checkRequest', request: {} })).toEqual({ refusal: { name: 'RequestRefusedError', message: 'no such book' } });
  await expect(handler({ step: 'beforeCanary', book: 'main' })).rejects.toMatchObject({ name: 'RequestRefusedError' });
});
