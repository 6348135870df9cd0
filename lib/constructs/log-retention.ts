/** How long logs are kept, from the settings' number of days to the CDK's word for it. */
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Settings } from '../settings/index.ts';

const byDays: Readonly<Record<Settings['logs']['retentionDays'], RetentionDays>> = {
  7: RetentionDays.ONE_WEEK,
  14: RetentionDays.TWO_WEEKS,
  30: RetentionDays.ONE_MONTH,
  90: RetentionDays.THREE_MONTHS,
  180: RetentionDays.SIX_MONTHS,
  365: RetentionDays.ONE_YEAR,
};

export function retentionOf(settings: Settings): RetentionDays {
  return byDays[settings.logs.retentionDays];
}
