/** CloudFormation's plain protocol for a custom resource: the answer goes to `ResponseURL` by PUT, so no provider framework stands between. */
import * as z from 'zod/mini';

/** Enough to answer even a request whose properties are wrong. */
export const CustomResourceRequest = z.looseObject({
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  PhysicalResourceId: z.optional(z.string()),
  ResourceProperties: z.looseObject({}),
});
export type CustomResourceRequest = z.infer<typeof CustomResourceRequest>;

export interface CustomResourceAnswer {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason: string;
  readonly PhysicalResourceId: string;
}
