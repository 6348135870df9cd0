/** What no call to AWS can see: said, with what a person needs to see it. */
import { DescribeAddressesCommand } from '@aws-sdk/client-ec2';
import type { Settings } from '../settings/index.ts';
import { type Check, couldNot } from './check.ts';
import type { Clients } from './clients.ts';

export function outsideChecks({ environment, books }: Settings, regions: readonly Clients[]): readonly Check[] {
  const area = 'outside';
  return [
    {
      area,
      name: "The venue's allow-list names the addresses of this installation",
      async run() {
        const Filters = [{ Name: 'tag:Name', Values: [1, 2, 3].map((index) => `baton-${environment}-nat-${index}`) }];
        const seen = await Promise.all(regions.map(async ({ region, network }) => {
          const { Addresses = [] } = await network.send(new DescribeAddressesCommand({ Filters }));
          return `${region}: ${Addresses.map(({ PublicIp }) => PublicIp).join(', ') || 'no address yet, for the network is not deployed'}`;
        }));
        const todo = 'Put these into the allow-list of each exchange key, of both Regions, and look at it there: AWS does not know it.';
        return couldNot(seen.join('; '), todo);
      },
    },
    ...books.map((book): Check => ({
      area,
      name: `The exchange key of ${book.name} may trade, may not withdraw, and is of the right sub-account`,
      run: () => Promise.resolve(couldNot('only the venue knows', `Look at the key at ${book.venue}: orders yes, withdrawals no, bound to addresses.`)),
    })),
    {
      area,
      name: 'People may not change what runs',
      run: () =>
        Promise.resolve(couldNot('policies of the organisation are not read here', 'Attach the policy of docs/security.md to the account, and try it.')),
    },
  ];
}
