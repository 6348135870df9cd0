/** What caught a mutant, and where. */
export interface Caught {
  readonly by: string;
  readonly where: string;
}
