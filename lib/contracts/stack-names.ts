/** What the stacks are called: the same in both Regions, so that which of them is home is in no name. */

export const stackNames = [
  'foundation', 'trading-state', 'network', 'data', 'trading', 'cutover', 'recovery', 'keys', 'credentials', 'backups', 'verification',
] as const;
/** The bill is one, and watched from the first Region. */
export const stackNamesOfFirst = [...stackNames, 'cost'] as const;
export type StackName = (typeof stackNamesOfFirst)[number];

/** How the CDK knows a stack; CloudFormation knows it by its name in its Region, without the latter. */
export function stackIdOf({ environment }: { readonly environment: string }, name: StackName, region: string): string {
  return `baton-${environment}-${name}-${region}`;
}

/** The topic on which people hear of an environment, in each Region. */
export function noticesTopicOf({ environment }: { readonly environment: string }): string {
  return `baton-${environment}-notices`;
}

/** Watermarks, and what verifications found. Bucket names are everybody's in the world, so they carry account and Region. */
export function evidenceBucketName({ environment, account }: { readonly environment: string; readonly account: string }, region: string): string {
  return `baton-${environment}-evidence-${account}-${region}`;
}

export function reportCopiesBucketName({ environment, account }: { readonly environment: string; readonly account: string }, region: string): string {
  return `baton-${environment}-report-copies-${account}-${region}`;
}
