/**
 * The exchange keys: what makes, proves and revokes them. Both Regions have it. Only where a book's secret is the original and its
 * home is, something is done: which Region that is, no template says.
 */
import { RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { replicatedSecret } from '../lib/constructs/replicated-secret.ts';
import { keepAsRecorded } from '../lib/constructs/topology.ts';
import { tagBook } from '../lib/constructs/required-tags.ts';
import type { Settings } from '../lib/settings/index.ts';
import { type FoundationStack, keyAliasOf } from './foundation.ts';

/** This Region's. */
export interface KeysStackProps extends StackProps {
  readonly settings: Settings;
  readonly foundation: FoundationStack;
}

export class KeysStack extends Stack {
  constructor(scope: Construct, id: string, { settings, foundation, ...props }: KeysStackProps) {
    super(scope, id, props);
    for (const { name } of settings.books) {
      this.#managementSecret(name, settings, foundation);
      this.#told(name, settings);
    }
  }

  /** What the watch has told people of a book's keys, so that it tells each thing once. */
  #told(book: string, { environment }: Settings): string {
    const name = `/baton/${environment}/${book}/key-warnings`;
    keepAsRecorded(new ssm.CfnParameter(this, `Told-${book}`, {
      name, type: 'String', value: 'none', description: 'The key that people were last told will lapse, and at how many days left.',
    }));
    return name;
  }

  /** The key that makes keys: trading tasks cannot read it. */
  #managementSecret(book: string, settings: Settings, foundation: FoundationStack): secretsmanager.ISecret {
    const secret = replicatedSecret(this, `Management-${book}`, {
      settings,
      key: foundation.venueKey,
      keyAlias: keyAliasOf(settings, 'venue'),
      secretName: `baton-${settings.environment}/${book}/venue-management`,
      description: `What makes and deletes the exchange keys of book ${book}: { apiKey, secret, subAccount }, put in by a person`,
      removalPolicy: RemovalPolicy.RETAIN,
      generateSecretString: { secretStringTemplate: JSON.stringify({ apiKey: 'not-yet-set' }), generateStringKey: 'secret' },
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Exchanges let only people make the key that makes keys; the daily look at the keys says when it lapses.',
    });
    tagBook(book, secret);
    return secret;
  }
}
