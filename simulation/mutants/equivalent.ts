/** Mutants that change nothing which could be wrong, each with its argument. */
const argued: readonly (readonly [part: string, argument: string])[] = [];

export function equivalent(name: string): string | undefined {
  return argued.find(([part]) => name.includes(part))?.[1];
}
