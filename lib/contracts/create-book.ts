/** The custom resource that creates a book's lease item with its first deployment. */
import * as z from 'zod/mini';

/** `Custom::BatonBook`'s properties, as the stack writes them; CloudFormation hands numbers over as text. */
export interface BatonBookProperties {
  readonly Book: string;
  readonly Home: string;
  readonly LeaseMs: number;
}

export const createBookEnvironment = z.object({ BATON_LEASE_TABLE: z.string() });

const ResourceProperties = z.object({
  Book: z.string().check(z.regex(/^[a-z][a-z0-9]{0,9}$/, '1–10 lower-case letters and digits, starting with a letter')),
  Home: z.string().check(z.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a Region such as us-east-1')),
  LeaseMs: z.coerce.number().check(z.int(), z.minimum(1000), z.maximum(60_000)),
});

export const BatonBook = ResourceProperties;
