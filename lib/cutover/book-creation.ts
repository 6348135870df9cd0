/** Creates a book's lease item on a deployment's behalf, and answers CloudFormation whatever happens. */
import { BatonBook, type CustomResourceRequest } from '../contracts/create-book.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { BookName } from '../lease/model.ts';

export interface CustomResourceAnswer {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason: string;
  readonly PhysicalResourceId: string;
}

const neverCreated = 'no-book';

export async function answerBookRequest(request: CustomResourceRequest, control: LeaseControl): Promise<CustomResourceAnswer> {
  const physicalId = request.PhysicalResourceId ?? neverCreated;
  // A lease outlives its stack: whoever deletes the stack has not said that nobody may trade.
  if (request.RequestType === 'Delete') return { Status: 'SUCCESS', Reason: 'The lease item is kept.', PhysicalResourceId: physicalId };
  const parsed = BatonBook.safeParse(request.ResourceProperties);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    return { Status: 'FAILED', Reason: `The properties are not a book's: ${faults}. Correct the stack.`, PhysicalResourceId: physicalId };
  }
  const { Book, Home, LeaseMs } = parsed.data;
  const done = await control.createBook({ book: Book as BookName, home: Home, leaseMs: LeaseMs });
  const Reason = done === 'created'
    ? `Book '${Book}' was created: halted, epoch 0. Its first cutover opens it.`
    : `Book '${Book}' existed and was not touched; a new lease time or home takes effect only with a new epoch.`;
  return { Status: 'SUCCESS', Reason, PhysicalResourceId: `book-${Book}` };
}
