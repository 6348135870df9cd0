/** Starts a machine once for a name, which Step Functions remembers for ninety days: however often it is asked for, there is one execution. */
import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';

export async function beginOnce(machines: SFNClient, stateMachineArn: string, name: string, request: object): Promise<void> {
  await machines.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(request) })).catch((error: unknown) => {
    if ((error as Error).name !== 'ExecutionAlreadyExists') throw error;
  });
}
