/** The app: settings in, stacks out. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { App, DefaultStackSynthesizer, type IReusableStackSynthesizer } from 'aws-cdk-lib';
import { boundEveryRole } from '../lib/constructs/boundary.ts';
import { tagEverything } from '../lib/constructs/required-tags.ts';
import { writeStackPolicy } from '../lib/constructs/stack-policy.ts';
import { addValidations } from '../lib/constructs/validation/index.ts';
import { stackIdOf, type StackName } from '../lib/contracts/stack-names.ts';
import type { RegionSettings, Settings } from '../lib/settings/index.ts';
import { BackupsStack } from '../stacks/backups.ts';
import { CostStack } from '../stacks/cost.ts';
import { CredentialsStack } from '../stacks/credentials.ts';
import { CutoverStack } from '../stacks/cutover.ts';
import { DataStack } from '../stacks/data.ts';
import { FoundationStack } from '../stacks/foundation.ts';
import { KeysStack } from '../stacks/keys.ts';
import { NetworkStack } from '../stacks/network.ts';
import { RecoveryStack } from '../stacks/recovery.ts';
import { TradingStateStack } from '../stacks/trading-state.ts';
import { TradingStack } from '../stacks/trading.ts';
import { VerificationStack } from '../stacks/verification.ts';

export interface AppOptions {
  readonly settings: Settings;
  /** Where the cloud assembly goes; the CLI's CDK_OUTDIR or cdk.out otherwise. */
  readonly outdir?: string;
  /** Whether a finding fails the synthesis; off only in tests of something else. */
  readonly validation?: boolean;
}

/** The feature flags that the CDK recommends, so that `node bin/baton.ts` and the CLI synthesize alike. */
const recommendedFlags = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve('aws-cdk-lib/recommended-feature-flags.json'), 'utf8'),
) as Record<string, unknown>;

/** Which environment a person asked for: the CLI's `-c environment=…`, then BATON_ENV, then dev. */
export function requestedEnvironment(variables: NodeJS.ProcessEnv): string {
  const context = JSON.parse(variables['CDK_CONTEXT_JSON'] ?? '{}') as { environment?: string };
  return context.environment ?? variables['BATON_ENV'] ?? 'dev';
}

export function buildApp({ settings, outdir, validation = true }: AppOptions): App {
  const app = new App({
    ...(outdir === undefined ? {} : { outdir }),
    analyticsReporting: false,
    // A second copy of every property, for tools that nobody here uses.
    treeMetadata: false,
    // The CLI reads the bootstrap version that is needed from the assembly; a rule in each template only repeats it.
    defaultStackSynthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) as IReusableStackSynthesizer,
    postCliContext: {
      ...recommendedFlags,
      // A finding fails the synthesis instead of being printed.
      '@aws-cdk/core:validateAgainstDefaultRules': true,
    },
  });
  const { environment } = settings;
  const first = buildRegion(app, settings, settings.regions.first);
  const second = buildRegion(app, settings, settings.regions.second);
  // What is replicated is declared in the first Region, and needs a key or a bucket at its other end before.
  second.state.addStackDependency(first.state);
  for (const stack of [first.data, first.trading, first.cutover, first.keys]) stack.addStackDependency(second.foundation);
  second.cutover.addStackDependency(first.foundation);
  second.data.addStackDependency(first.data);
  second.trading.addStackDependency(first.trading);
  second.credentials.addStackDependency(first.credentials);
  second.keys.addStackDependency(first.keys);
  boundEveryRole(app, first.state, environment);

  new CostStack(app, stackIdOf(settings, 'cost', settings.regions.first.name), {
    settings, network: first.network, data: first.data, cutover: first.cutover,
    env: { account: settings.account, region: settings.regions.first.name }, terminationProtection: true,
    stackName: `baton-${environment}-cost`, description: 'Baton: the bill, watched',
  });
  tagEverything(app, settings);
  writeStackPolicy(app.outdir);
  if (validation) addValidations(app);
  return app;
}

/** The same stacks of the same names in both Regions: which is home, none of them knows. */
function buildRegion(app: App, settings: Settings, of: RegionSettings) {
  const { environment, account } = settings;
  const common = { settings, env: { account, region: of.name }, terminationProtection: true };
  const id = (name: StackName): string => stackIdOf(settings, name, of.name);
  const described = (name: StackName, what: string) => ({ ...common, stackName: `baton-${environment}-${name}`, description: `Baton: ${what}` });
  const foundation = new FoundationStack(app, id('foundation'), described('foundation', 'keys and copies, for the other Region to refer to'));
  const state = new TradingStateStack(app, id('trading-state'), described('trading-state', 'the lease and the journal'));
  const network = new NetworkStack(app, id('network'), { ...described('network', 'network and fixed addresses'), of });
  const data = new DataStack(app, id('data'), { ...described('data', 'PostgreSQL and Redis'), foundation, network });
  const trading = new TradingStack(app, id('trading'), { ...described('trading', 'where traders run'), foundation, network, state, data });
  const cutover = new CutoverStack(app, id('cutover'), { ...described('cutover', 'blue/green replacement'), state, data, trading });
  const recovery = new RecoveryStack(app, id('recovery'), {
    ...described('recovery', 'the loss of a Region'), state, network, data, trading, cutover,
  });
  const keys = new KeysStack(app, id('keys'), { ...described('keys', 'exchange keys that rotate'), foundation, network, state, trading, cutover });
  const credentials = new CredentialsStack(app, id('credentials'), {
    ...described('credentials', 'what opens the database and Redis, rotated'), network, data, cutover,
  });
  const backups = new BackupsStack(app, id('backups'), { ...described('backups', 'backups and what looks after them'), data, cutover });
  const verification = new VerificationStack(app, id('verification'), {
    ...described('verification', 'backups are proved'), of, foundation, state, network, data, trading, cutover, backups, recovery,
  });
  // They look up what the trading state records, which Region is home; and the boundary of their roles comes with it.
  for (const stack of [network, data, trading, cutover, recovery, credentials, keys, backups, verification]) stack.addStackDependency(state);
  return { foundation, state, network, data, trading, cutover, recovery, credentials, keys, backups };
}
