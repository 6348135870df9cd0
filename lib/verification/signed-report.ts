/** A report that nobody can change unnoticed: kept as it is, with a signed statement of what it is beside it. */
import { createHash } from 'node:crypto';

export const signatureSuffix = '.signature.json';

/** In base64: of the text and not of its digest, so that any program verifies it. */
export type Sign = (text: string) => Promise<{ readonly signature: string; readonly keyArn: string; readonly algorithm: string }>;

/** @param verdict what the report comes to, for whoever reads the statement alone */
export async function keepSigned(
  { evidence, sign }: { readonly evidence: { write(key: string, content: string): Promise<void> }; readonly sign: Sign },
  { installation, key, report, verdict }: { readonly installation: string; readonly key: string; readonly report: object; readonly verdict: Readonly<Record<string, boolean>> },
): Promise<void> {
  const content = JSON.stringify(report, undefined, 1);
  // A key signs what is short: a statement of what the report is.
  const statement = JSON.stringify({ installation, report: key, sha256: createHash('sha256').update(content).digest('hex'), ...verdict });
  const signed = await sign(statement);
  await evidence.write(key, content);
  await evidence.write(key.replace(/\.json$/, signatureSuffix), JSON.stringify({ statement, ...signed }));
}
