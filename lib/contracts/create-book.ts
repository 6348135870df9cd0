/**
 * The custom resource that creates a book's lease item with its first deployment. It is CloudFormation's plain
 * protocol: the answer goes to `ResponseURL` by PUT, so no provider framework stands between.
 */
import * as z from 'zod/mini';

/** `Custom::BatonBook`'s properties, as the stack writes them; CloudFormation hands numbers over as text. */
export interface BatonBookProperties {
  readonly Book: string;
  readonly Home: string;
  readonly LeaseMs: number;
}

export const createBookEnvironment = z.object({ BATON_LEASE_TABLE: z.string() });

const common = {
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
};
const ResourceProperties = z.object({
  Book: z.string().check(z.regex(/^[a-z][a-z0-9]{0,9}$/, '1–10 lower-case letters and digits, starting with a letter')),
  Home: z.string().check(z.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a Region such as us-east-1')),
  LeaseMs: z.coerce.number().check(z.int(), z.minimum(1000), z.maximum(60_000)),
});

/** Enough to answer even a request whose properties are wrong. */
export const CustomResourceRequest = z.looseObject({
  ...common,
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  PhysicalResourceId: z.optional(z.string()),
  ResourceProperties: z.looseObject({}),
});
export type CustomResourceRequest = z.infer<typeof CustomResourceRequest>;
export const BatonBook = ResourceProperties;
