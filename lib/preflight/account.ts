/** What must hold before the first deployment: whose account it is, its Regions, and the CDK's place in them. */
import { DescribeRegionsCommand } from '@aws-sdk/client-ec2';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Settings } from '../settings/index.ts';
import { type Check, failed, ok, unlessMissing } from './check.ts';
import type { Clients } from './clients.ts';

const area = 'account';
/** What this version of the CDK asks of `cdk bootstrap`, as its assembly says. */
const bootstrapVersionMin = 6;

export function accountChecks({ account, regions }: Settings, home: Clients, standby: Clients): readonly Check[] {
  const named = [regions.home.name, regions.standby.name, regions.witness.name];
  return [
    {
      area,
      name: 'The credentials are those of the account in the settings',
      async run() {
        const caller = await home.identity.send(new GetCallerIdentityCommand({}));
        const seen = `account ${caller.Account}, as ${caller.Arn}`;
        if (caller.Account === account) return ok(seen);
        return failed(seen, `Log in to account ${account}, or correct 'account' in the settings.`);
      },
    },
    {
      area,
      name: 'Home, standby and witness Region are enabled',
      async run() {
        const { Regions = [] } = await home.network.send(new DescribeRegionsCommand({ AllRegions: true }));
        const status = (name: string): string => Regions.find(({ RegionName }) => RegionName === name)?.OptInStatus ?? 'unknown here';
        const disabled = named.filter((name) => !['opted-in', 'opt-in-not-required'].includes(status(name)));
        if (disabled.length === 0) return ok(named.join(', '));
        return failed(disabled.map((name) => `${name}: ${status(name)}`).join(', '), 'Enable it in the account settings; that takes minutes to hours.');
      },
    },
    ...([[regions.home.name, home], [regions.standby.name, standby]] as const).map(
      ([region, { parameters }]): Check => ({
        area,
        name: `The CDK is bootstrapped in ${region}`,
        async run() {
          const answer = await unlessMissing(parameters.send(new GetParameterCommand({ Name: '/cdk-bootstrap/hnb659fds/version' })));
          const todo = `npx cdk bootstrap aws://${account}/${region}`;
          if (answer === undefined) return failed('no bootstrap version in the parameter store', todo);
          const version = Number(answer.Parameter?.Value);
          return version >= bootstrapVersionMin ? ok(`version ${version}`) : failed(`version ${version}, and ${bootstrapVersionMin} is needed`, todo);
        },
      }),
    ),
  ];
}
