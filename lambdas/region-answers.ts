/** Whether a Region answers: the one call that needs no permission and nothing of ours there. */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

/** From one end of a continent to the other it takes a tenth of that. */
const probeTimeoutMs = 1000;

/** Whatever is answered, somebody answered; a fault of the server is no answer. */
export async function regionAnswers(region: string, withinMs = probeTimeoutMs): Promise<boolean> {
  try {
    await new STSClient({ region, maxAttempts: 1 }).send(new GetCallerIdentityCommand({}), { abortSignal: AbortSignal.timeout(withinMs) });
    return true;
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    return status !== undefined && status < 500;
  }
}
