/** What opens the database and Redis, rotated: in both Regions, for which of them has the original of a secret changes with a move. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { CredentialRotation } from '../lib/constructs/credential-rotation.ts';
import { confirmHomeRegion, confirmWritingDatabase } from '../lib/constructs/topology.ts';
import type { Settings } from '../lib/settings/index.ts';
import type { CutoverStack } from './cutover.ts';
import { databaseName, type DataStack } from './data.ts';
import type { NetworkStack } from './network.ts';

/** This Region's. */
export interface CredentialsStackProps extends StackProps {
  readonly settings: Settings;
  readonly network: NetworkStack;
  readonly data: DataStack;
  /** Notices go to its topic. */
  readonly cutover: CutoverStack;
}

export class CredentialsStack extends Stack {
  constructor(scope: Construct, id: string, { settings, network, data, cutover, ...props }: CredentialsStackProps) {
    super(scope, id, props);
    confirmHomeRegion(this, settings);
    confirmWritingDatabase(this, settings);
    const rotation = new CredentialRotation(this, 'Rotation', {
      settings, network, key: data.key,
      database: { host: data.database.dbInstanceEndpointAddress, port: data.database.dbInstanceEndpointPort, name: databaseName },
      databaseSecrets: data.databaseSecrets, cache: data.cache, cacheSecret: data.cacheSecret,
    });
    for (const alarm of rotation.alarms) cutover.announce(alarm);
  }
}
