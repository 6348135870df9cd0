/** other-region: asks and changes both Regions for planned moves. Contract: lib/contracts/switchover.ts, `otherRegion`. */
import { LambdaClient } from '@aws-sdk/client-lambda';
import { RDSClient } from '@aws-sdk/client-rds';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { calling } from '../../lib/contracts/call.ts';
import { databaseRecovery } from '../../lib/contracts/recovery.ts';
import { otherRegion } from '../../lib/contracts/switchover.ts';
import { otherRegionSteps } from '../../lib/switchover/other-region-steps.ts';
import { regionApis } from '../../lib/switchover/region-apis.ts';
import { sendingTo } from '../invoke.ts';
import { serve } from '../serve.ts';

export const handler = serve(otherRegion, process.env, (environment) => {
  const { BATON_REGION: here, BATON_OTHER_REGION: there } = environment;
  const clientsOf = (region: string) => ({
    functions: new LambdaClient({ region }), databases: new RDSClient({ region }), secrets: new SecretsManagerClient({ region }),
  });
  const clients = new Map([here, there].map((region) => [region, clientsOf(region)]));
  const of = (region: string): ReturnType<typeof clientsOf> => {
    const known = clients.get(region);
    if (known === undefined) throw new Error(`${region} is neither ${here} nor ${there}: correct the settings`);
    return known;
  };
  return otherRegionSteps({
    here, there,
    account: environment.BATON_ACCOUNT,
    database: environment.BATON_DATABASE,
    secrets: environment.BATON_SECRETS,
    in: (region) => regionApis(region, of(region)),
    databaseFunction: (region) => calling(databaseRecovery, environment.BATON_DATABASE_FUNCTION, sendingTo(of(region).functions)),
  });
});
