import { CountedExecutions } from '../../lib/trading/counted-executions.ts';

/** What a mark says when these were counted. */
export function countedText(...executionIds: readonly string[]): string {
  const counted = new CountedExecutions();
  counted.begin(executionIds.map((executionId) => ({ executionId })));
  return counted.text;
}
