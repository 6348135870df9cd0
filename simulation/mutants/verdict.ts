import type { Place } from './hunt.ts';

/** What caught a mutant: an invariant in its words, or a test by its name; and where. */
export interface Caught {
  readonly by: string;
  readonly where: Place;
}
