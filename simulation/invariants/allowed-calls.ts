import { news, type Invariant } from './invariant.ts';

/** Judged apart from whoever let it through: the model of AWS here lets everything through. */
export const allowedCalls: Invariant = {
  number: 11,
  name: 'no call succeeds that the synthesized policy does not allow',
  watch: ({ notAllowed }) => {
    const newFaults = news(notAllowed);
    return { afterEvent: () => newFaults()[0] };
  },
};
