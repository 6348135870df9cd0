/**
 * The pages of a listing. A token names the element with which the next page begins, and not its place: what is added
 * meanwhile neither hides an element nor shows one twice. To whoever holds it a token is opaque, as at AWS.
 */
import { AwsError } from '../cloud/model.ts';

export interface PageRequest<Element> {
  readonly token: string | undefined;
  /** How many are asked for; as many as a page holds when not said. */
  readonly size: number | undefined;
  /** How many a page holds at most, by the operation's documentation. */
  readonly sizeMax: number;
  readonly keyOf: (element: Element) => string;
  /** The service's own error for a token that it did not give. */
  readonly invalidToken?: string;
}

export interface Page<Element> {
  readonly elements: readonly Element[];
  /** Of the next page; undefined on the last. */
  readonly next: string | undefined;
}

export function pageOf<Element>(all: readonly Element[], request: PageRequest<Element>): Page<Element> {
  const { token, size, sizeMax, keyOf, invalidToken = 'ValidationException' } = request;
  const from = token === undefined ? 0 : all.findIndex((element) => keyOf(element) === keyIn(token));
  if (from < 0) throw new AwsError(invalidToken, 'The token is invalid: take it from the answer that the last page came with.');
  const to = from + Math.max(1, Math.min(size || sizeMax, sizeMax));
  const first = all[to];
  return { elements: all.slice(from, to), next: first === undefined ? undefined : Buffer.from(keyOf(first)).toString('base64url') };
}

function keyIn(token: string): string {
  return Buffer.from(token, 'base64url').toString();
}
