/** Calls another function of ours and gives its answer, or throws its error under the name that the contract declares. */
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { Send } from '../lib/contracts/call.ts';

export function sendingTo(client: LambdaClient): Send {
  return async (functionName, event) => {
    const { FunctionError, Payload } = await client.send(
      new InvokeCommand({ FunctionName: functionName, Payload: new TextEncoder().encode(JSON.stringify(event)) }),
    );
    const answer: unknown = JSON.parse(new TextDecoder().decode(Payload));
    if (FunctionError === undefined) return answer;
    const { errorType = 'Error', errorMessage = 'it said nothing' } = answer as { errorType?: string; errorMessage?: string };
    throw Object.assign(new Error(`${functionName}: ${errorMessage}`), { name: errorType });
  };
}
