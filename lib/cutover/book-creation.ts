/** Creates a book's lease item on a deployment's behalf, and answers CloudFormation whatever happens. */
import { BatonBook } from '../contracts/create-book.ts';
import type { CustomResourceAnswer, CustomResourceRequest } from '../contracts/custom-resource.ts';
import { faultsOf } from '../contracts/faults.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { BookName } from '../lease/model.ts';

const neverCreated = 'no-book';

export async function answerBookRequest(request: CustomResourceRequest, control: LeaseControl): Promise<CustomResourceAnswer> {
  const physicalId = request.PhysicalResourceId ?? neverCreated;
  // A lease outlives its stack: whoever deletes the stack has not said that nobody may trade.
  if (request.RequestType === 'Delete') return { Status: 'SUCCESS', Reason: 'The lease item is kept.', PhysicalResourceId: physicalId };
  const parsed = BatonBook.safeParse(request.ResourceProperties);
  if (!parsed.success) {
    return {
      Status: 'FAILED',
      Reason: `The properties are not a book's: ${faultsOf(parsed.error, request.ResourceProperties)}. Correct the stack.`,
      PhysicalResourceId: physicalId,
    };
  }
  const { Book, Home, LeaseMs } = parsed.data;
  const book = Book as BookName;
  const PhysicalResourceId = `book-${Book}`;
  if ((await control.createBook({ book, home: Home, leaseMs: LeaseMs })) === 'created') {
    return { Status: 'SUCCESS', Reason: `Book '${Book}' was created: halted, epoch 0. Its first cutover opens it.`, PhysicalResourceId };
  }
  const lease = await control.read(book);
  if (lease.home !== Home) {
    const Reason =
      `Book '${Book}' has its home in ${lease.home}, the settings say ${Home}. ` +
      'Correct the settings: only a switchover moves a book.';
    return { Status: 'FAILED', Reason, PhysicalResourceId: physicalId };
  }
  const kept = lease.leaseMs === LeaseMs ? '' : ` Its lease time stays ${lease.leaseMs} ms: it changes only together with a new epoch.`;
  return { Status: 'SUCCESS', Reason: `Book '${Book}' existed and was not touched.${kept}`, PhysicalResourceId };
}
