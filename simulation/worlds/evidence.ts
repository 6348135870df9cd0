/** Evidence in memory, as the real steps write and read it, and a real key that signs it. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';

export class Evidence extends Map<string, string> {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  /** What the steps are given instead of the bucket. */
  readonly store = {
    write: async (key: string, content: string): Promise<void> => void this.set(key, content),
    read: async (key: string): Promise<unknown> => JSON.parse(this.get(key)!) as unknown,
    keys: async (prefix: string, after = ''): Promise<string[]> => [...this.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted(),
  };
  /** And instead of KMS. */
  readonly sign = async (text: string): Promise<{ signature: string; keyArn: string; algorithm: string }> =>
    ({ signature: sign('sha256', Buffer.from(text), this.#keys.privateKey).toString('base64'), keyArn: 'key', algorithm: 'ECDSA_SHA_256' });

  /** The report that was signed, if the signature is that of the key and the digest that of the report. */
  signed(): unknown {
    const key = [...this.keys()].find((each) => each.endsWith('.signature.json'));
    if (key === undefined) return undefined;
    const { statement, signature } = JSON.parse(this.get(key)!) as { statement: string; signature: string };
    if (!verify('sha256', Buffer.from(statement), this.#keys.publicKey, Buffer.from(signature, 'base64'))) return undefined;
    return JSON.parse(this.get((JSON.parse(statement) as { report: string }).report)!) as unknown;
  }
}
