/** The AWS front: one HTTP server for every service. */
import type { CloudWorld } from './world.ts';

export interface Front {
  readonly endpoint: string;
  /** A URL that takes one PUT, as the presigned URLs of CloudFormation's custom resources do, and what was put there. */
  presignedPut(): { readonly url: string; readonly body: Promise<string> };
  close(): Promise<void>;
}

export async function startFront(world: CloudWorld): Promise<Front> {
  throw new Error(`the front of ${world.accountId} is being written`);
}
