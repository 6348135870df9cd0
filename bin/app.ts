/** The app: settings in, stacks out. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { App, DefaultStackSynthesizer, type IReusableStackSynthesizer, Tags } from 'aws-cdk-lib';
import { boundEveryRole } from '../lib/constructs/boundary.ts';
import { writeStackPolicy } from '../lib/constructs/stack-policy.ts';
import { addValidations } from '../lib/constructs/validation/index.ts';
import type { Settings } from '../lib/settings/index.ts';
import { CutoverStack } from '../stacks/cutover.ts';
import { DataStack } from '../stacks/data.ts';
import { NetworkStack } from '../stacks/network.ts';
import { TradingStateStack } from '../stacks/trading-state.ts';
import { TradingStack } from '../stacks/trading.ts';

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
    // The CLI reads the bootstrap version that is needed from the assembly; a rule in each template only repeats it.
    defaultStackSynthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) as IReusableStackSynthesizer,
    postCliContext: {
      ...recommendedFlags,
      // A finding fails the synthesis instead of being printed.
      '@aws-cdk/core:validateAgainstDefaultRules': true,
    },
  });
  const { environment, account, regions } = settings;
  const props = { settings, env: { account, region: regions.home.name }, terminationProtection: true };
  const id = (name: string): string => `baton-${environment}-${name}`;

  // The home Region. The standby Region's stacks will stand beside these, from the same classes where they can.
  const state = new TradingStateStack(app, id('trading-state'), { ...props, description: 'Baton: the lease and the journal' });
  const network = new NetworkStack(app, id('network'), { ...props, description: 'Baton: network and fixed addresses' });
  const data = new DataStack(app, id('data'), { ...props, network, description: 'Baton: PostgreSQL and Redis' });
  const trading = new TradingStack(app, id('trading'), { ...props, network, state, data, description: 'Baton: where traders run' });
  const cutover = new CutoverStack(app, id('cutover'), { ...props, state, data, trading, description: 'Baton: blue/green replacement' });
  // They look up what the trading state records: which Region is home.
  for (const stack of [data, trading, cutover]) stack.addStackDependency(state);
  // The boundary of their roles, too.
  network.addStackDependency(state);
  boundEveryRole(app, state, environment);

  for (const [key, value] of Object.entries({ ...settings.tags, Environment: environment })) {
    // Parameters that machines write: CloudFormation would write their first value again with a changed tag.
    Tags.of(app).add(key, value, { excludeResourceTypes: ['AWS::SSM::Parameter'] });
  }
  writeStackPolicy(app.outdir);
  if (validation) addValidations(app);
  return app;
}
