/** Where watermarks, fills of the venue and signed reports are kept: a bucket beside the reports, which nothing that is verified can reach. */
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';

export class Evidence {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async write(key: string, content: string): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: content, ContentType: 'application/json' }));
  }

  async read(key: string): Promise<unknown> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
    return JSON.parse((await Body?.transformToString()) ?? 'null') as unknown;
  }

  /** The key of the object that was written last. */
  async newest(prefix: string): Promise<string | undefined> {
    return (await this.#list(prefix, '')).toSorted((a, b) => b.atMs - a.atMs)[0]?.key;
  }

  /** In the order of their names. */
  async keys(prefix: string, after: string): Promise<readonly string[]> {
    return (await this.#list(prefix, after)).map(({ key }) => key);
  }

  async #list(prefix: string, after: string): Promise<readonly { readonly key: string; readonly atMs: number }[]> {
    const found: { key: string; atMs: number }[] = [];
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ...(after !== '' && { StartAfter: after }), ...(token !== undefined && { ContinuationToken: token }) }),
      );
      found.push(...(page.Contents ?? []).flatMap(({ Key: key, LastModified }) => (key === undefined ? [] : [{ key, atMs: LastModified?.getTime() ?? 0 }])));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return found;
  }
}
