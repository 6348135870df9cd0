/** How a function asks STS whose proof it was given: at the address of its Region, or where the SDK is told to look. */
import { provedIdentity, type Identity } from '../lib/change/caller-proof.ts';

export function proving(
  environment: { readonly BATON_ACCOUNT: string; readonly BATON_REGION: string },
  now: () => Date,
): (proof: string, purpose: string) => Promise<Identity> {
  const stsOrigin = process.env['AWS_ENDPOINT_URL'] ?? `https://sts.${environment.BATON_REGION}.amazonaws.com`;
  return (proof, purpose) => provedIdentity(proof, purpose, { account: environment.BATON_ACCOUNT, stsOrigin, now, fetch });
}
