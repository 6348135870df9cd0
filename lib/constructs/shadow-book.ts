/** What belongs to the book that drills trade on paper: the key of its venue, which opens nothing else, what opens the database restored for it, and its log. */
import { ArnFormat, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { shadowBook } from '../contracts/drill.ts';
import type { Settings } from '../settings/index.ts';
import { masterUser } from './backup-verification.ts';
import { retentionOf } from './log-retention.ts';

export interface ShadowBookProps {
  readonly settings: Settings;
  readonly key: kms.IKey;
}

export class ShadowBook extends Construct {
  readonly venueSecret: secretsmanager.ISecret;
  readonly databaseSecret: secretsmanager.ISecret;
  readonly logGroup: logs.LogGroup;
  /** As endpoints and policies name it. */
  readonly logGroupArn: string;

  constructor(scope: Construct, id: string, { settings, key }: ShadowBookProps) {
    super(scope, id);
    const prefix = `baton-${settings.environment}`;
    const secret = (name: string, what: string, description: string, template: object, generateStringKey: string): secretsmanager.ISecret => {
      const made = new secretsmanager.Secret(this, name, {
        secretName: `${prefix}/${shadowBook}/${what}`, description, encryptionKey: key,
        generateSecretString: { secretStringTemplate: JSON.stringify(template), generateStringKey, excludePunctuation: true },
      });
      Validations.of(made).acknowledge({ id: 'AwsSolutions-SMG4', reason: 'What it opens lives for one drill: a venue on paper, and a copy of the database with a new password each time.' });
      return made as secretsmanager.ISecret;
    };
    this.venueSecret = secret('VenueSecret', 'venue', 'The key of the venue on paper: no real venue knows it', { apiKey: 'on-paper' }, 'secret');
    this.databaseSecret = secret('DatabaseSecret', 'database', 'What opens the copy that a drill has restored: made anew for each', { username: masterUser, token: 'none-yet' }, 'password');
    const logGroupName = `/baton/${settings.environment}/${shadowBook}`;
    this.logGroup = new logs.LogGroup(this, 'Log', { logGroupName, retention: retentionOf(settings), removalPolicy: RemovalPolicy.RETAIN });
    this.logGroupArn = Stack.of(this).formatArn({ service: 'logs', resource: 'log-group', resourceName: `${logGroupName}:*`, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  }
}
