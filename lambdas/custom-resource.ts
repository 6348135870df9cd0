/** How a function answers CloudFormation, whatever happened. */
import type { CustomResourceAnswer, CustomResourceRequest } from '../lib/contracts/custom-resource.ts';

export async function answerCloudFormation(request: CustomResourceRequest, answer: CustomResourceAnswer): Promise<void> {
  const { ResponseURL, StackId, RequestId, LogicalResourceId } = request;
  const response = await fetch(ResponseURL, {
    method: 'PUT',
    // The address is signed for a request without a content type.
    headers: { 'content-type': '' },
    body: JSON.stringify({ ...answer, StackId, RequestId, LogicalResourceId }),
  });
  if (!response.ok) throw new Error(`CloudFormation did not take the answer: ${response.status}. It will time out and can be retried.`);
}
