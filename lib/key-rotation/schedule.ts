/** The revocation as a one-shot of EventBridge Scheduler, named after the book and the version that replaces the old key: again is once. */
import { ConflictException, CreateScheduleCommand, GetScheduleCommand, ResourceNotFoundException, type SchedulerClient } from '@aws-sdk/client-scheduler';
import type { RevocationSchedule } from './ports.ts';

export interface ScheduleOptions {
  readonly client: SchedulerClient;
  readonly book: string;
  readonly group: string;
  readonly targetArn: string;
  readonly roleArn: string;
  readonly deadLetterArn: string;
}

const nameLengthMax = 64;
/** Delivered within a day, or it is a dead letter and an alarm. */
const retryFor = { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 24 };

export function revocationSchedule({ client, book, group, targetArn, roleArn, deadLetterArn }: ScheduleOptions): RevocationSchedule {
  const nameOf = (version: string): string => `${book}-${version}`.slice(0, nameLengthMax);
  const due = async (version: string): Promise<Date | undefined> => {
    try {
      const { ScheduleExpression = '' } = await client.send(new GetScheduleCommand({ Name: nameOf(version), GroupName: group }));
      const at = /^at\((.+)\)$/.exec(ScheduleExpression)?.[1];
      return at === undefined ? undefined : new Date(`${at}Z`);
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  };
  return {
    due,
    async put(revocation, wanted) {
      // The scheduler knows whole seconds.
      const at = new Date(Math.ceil(wanted.getTime() / 1000) * 1000);
      try {
        await client.send(new CreateScheduleCommand({
          Name: nameOf(revocation.proof.version),
          GroupName: group,
          Description: `Deletes the exchange key of ${book} that ${revocation.proof.version} has replaced`,
          ScheduleExpression: `at(${at.toISOString().slice(0, 19)})`,
          ScheduleExpressionTimezone: 'UTC',
          FlexibleTimeWindow: { Mode: 'OFF' },
          ActionAfterCompletion: 'DELETE',
          Target: {
            Arn: targetArn,
            RoleArn: roleArn,
            Input: JSON.stringify({ step: 'revoke', ...revocation, at: '<aws.scheduler.scheduled-time>' }),
            RetryPolicy: retryFor,
            DeadLetterConfig: { Arn: deadLetterArn },
          },
        }));
        return at;
      } catch (error) {
        if (error instanceof ConflictException) return (await due(revocation.proof.version)) ?? at;
        throw error;
      }
    },
  };
}
