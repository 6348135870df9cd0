/** drill-check: asks what a drill has restored. Contract: lib/contracts/drill.ts, `drillCheck`. */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { drillCheck } from '../../lib/contracts/drill.ts';
import { drillCheckSteps } from '../../lib/drill/check-steps.ts';
import { StoredLogin } from '../../lib/stored-login.ts';
import { restoredDatabase } from '../../lib/verification/restored-database.ts';
import { serve } from '../serve.ts';

const secrets = new SecretsManagerClient({});
const queryTimeoutMs = 30_000;

export const handler = serve(drillCheck, process.env, (environment) => drillCheckSteps({
  database: restoredDatabase({
    name: environment.BATON_DATABASE_NAME, login: new StoredLogin(secrets, environment.BATON_DATABASE_SECRET_ARN), applicationName: 'baton-drill-check', queryTimeoutMs,
  }),
  nowMs: Date.now,
}));
