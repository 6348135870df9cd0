/** How most stories begin: the first cutover opens the book, and it trades. */
import { exactly, type PromiseKept } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import type { ScenarioEnd } from './scenario.ts';

export interface OpenedBook {
  readonly first: WorkflowEnd;
  readonly opened: PromiseKept;
  /** Set when the book was not opened: the story is over. */
  readonly end?: ScenarioEnd;
}

/** `orders`: how many are accepted before the story goes on. */
export async function openBook(stage: Stage, orders: number): Promise<OpenedBook> {
  stage.progress.heading('First cutover: the book is opened');
  const first = await stage.cutover(stage.releases.first, 'The first release of this book');
  const opened = exactly('first', 'The first cutover opened the book', first.outcome, 'succeeded');
  if (!opened.held) {
    return { first, opened, end: { outcome: first.outcome, steps: first.steps, modelledDurationMs: first.modelledMs, promises: [opened] } };
  }
  await stage.ordersAcceptedReach(stage.ordersAccepted() + orders);
  return { first, opened };
}
