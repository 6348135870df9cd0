/** The custom resource that creates a book. */
import { expect, it } from 'vitest';
import type { CustomResourceRequest } from '../../lib/contracts/custom-resource.ts';
import { answerBookRequest } from '../../lib/cutover/book-creation.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import type { BookName } from '../../lib/lease/model.ts';

const request = (type: CustomResourceRequest['RequestType'], properties: Record<string, unknown> = {}): CustomResourceRequest => ({
  RequestType: type, ResponseURL: 'https://example.com/answer', StackId: 's', RequestId: 'r', LogicalResourceId: 'Book',
  ...(type === 'Create' ? {} : { PhysicalResourceId: 'book-main' }),
  // CloudFormation hands every property over as text.
  ResourceProperties: { ServiceToken: 't', Book: 'main', Home: 'us-east-1', LeaseMs: '5000', ...properties },
});
const book = 'main' as BookName;

it('creates the lease halted, at epoch 0, without a holder', async () => {
  const control = new LeaseControl(new MemoryLeaseStore());
  expect(await answerBookRequest(request('Create'), control)).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'book-main' });
  const lease = await control.read(book);
  expect(lease).toMatchObject({ epoch: 0, heartbeat: 0, mode: 'halted', home: 'us-east-1', leaseMs: 5000 });
  expect(lease.holder).toBeUndefined();
});

it('never touches a lease that exists, and says what it kept', async () => {
  const control = new LeaseControl(new MemoryLeaseStore());
  await answerBookRequest(request('Create'), control);
  const { token } = await control.takeWorkflow(book, 'arn');
  await control.open(book, token);
  const before = await control.read(book);
  const answer = await answerBookRequest(request('Update', { LeaseMs: '9000' }), control);
  expect(answer).toMatchObject({ Status: 'SUCCESS', Reason: expect.stringMatching(/stays 5000 ms/) as string });
  expect(await control.read(book)).toEqual(before);
});

it('refuses a home that the lease contradicts', async () => {
  const control = new LeaseControl(new MemoryLeaseStore());
  await answerBookRequest(request('Create'), control);
  expect(await answerBookRequest(request('Update', { Home: 'us-west-2' }), control)).toMatchObject({
    Status: 'FAILED',
    PhysicalResourceId: 'book-main',
    Reason: expect.stringMatching(/us-east-1, the settings say us-west-2. Correct/) as string,
  });
});

it('keeps the lease when the resource is deleted', async () => {
  const control = new LeaseControl(new MemoryLeaseStore());
  await answerBookRequest(request('Create'), control);
  expect(await answerBookRequest(request('Delete'), control)).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'book-main' });
  expect(await control.read(book)).toMatchObject({ epoch: 0 });
});

it('names the property that is wrong', async () => {
  const answer = await answerBookRequest(request('Create', { LeaseMs: 'soon' }), new LeaseControl(new MemoryLeaseStore()));
  expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(/LeaseMs/) as string });
});
