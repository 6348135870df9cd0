/** How long logs are kept, from the settings' number of days to the CDK's word for it. */
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Settings } from '../settings/index.ts';

/** `RetentionDays` is numbered in days; the settings' schema allows only numbers that it has. */
export function retentionOf(settings: Settings): RetentionDays {
  return settings.logs.retentionDays;
}
