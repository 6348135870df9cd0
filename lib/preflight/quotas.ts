/**
 * Whether the account may have as much as the settings ask for. Codes are those that Service Quotas lists; AWS's own name
 * of each is compared too, for a wrong code would be a quiet yes.
 */
import { DescribeAddressesCommand, DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import { GetAWSDefaultServiceQuotaCommand, GetServiceQuotaCommand } from '@aws-sdk/client-service-quotas';
import type { Settings } from '../settings/index.ts';
import { type Check, couldNot, failed, ok, unlessMissing } from './check.ts';
import type { Clients } from './clients.ts';

export interface Quota {
  readonly service: string;
  readonly code: string;
  /** A part of the name that AWS gives it. */
  readonly called: string;
  /** What this installation needs of it in either Region: the standby is home after a failover. */
  readonly needed: (settings: Settings) => number;
  /** What others of the account already have of it, where that is quickly asked. */
  readonly taken?: (settings: Settings, at: Clients) => Promise<number>;
}

/** Two tasks of 1 vCPU a colour; two colours during a cutover, and a task more while one is replaced. */
const vcpusPerBook = 2 * 2 + 1;
/** A network interface each: tasks, NAT gateways, the database and its standby, the cache's nodes. */
const interfacesOf = ({ books, network, cache }: Settings): number => books.length * vcpusPerBook + network.natGateways + 2 + cache.nodes;

export const quotas: readonly Quota[] = [
  {
    service: 'ec2', code: 'L-0263D0A3', called: 'Elastic IPs', needed: ({ network }) => network.natGateways,
    async taken({ environment }, { network }) {
      const { Addresses = [] } = await network.send(new DescribeAddressesCommand({}));
      const ours = `baton-${environment}-nat-`;
      return Addresses.filter(({ Tags = [] }) => !Tags.some(({ Key, Value }) => Key === 'Name' && Value?.startsWith(ours))).length;
    },
  },
  {
    service: 'vpc', code: 'L-F678F1CE', called: 'VPCs', needed: () => 1,
    async taken({ environment }, { network }) {
      const { Vpcs = [] } = await network.send(new DescribeVpcsCommand({}));
      return Vpcs.filter(({ Tags = [] }) => !Tags.some(({ Key, Value }) => Key === 'Name' && Value === `baton-${environment}`)).length;
    },
  },
  { service: 'vpc', code: 'L-FE5A380F', called: 'NAT gateways', needed: () => 1 },
  { service: 'vpc', code: 'L-DF5E4CA3', called: 'Network interfaces', needed: interfacesOf },
  { service: 'fargate', code: 'L-3032A538', called: 'Fargate On-Demand vCPU', needed: ({ books }) => books.length * vcpusPerBook },
  // Each book's key function has one for itself, and an account must leave a hundred to nobody.
  { service: 'lambda', code: 'L-B99A9384', called: 'Concurrent executions', needed: ({ books }) => 100 + books.length },
  { service: 'rds', code: 'L-7B6409FD', called: 'DB instances', needed: () => 1 },
];

export function quotaChecks(settings: Settings, at: Clients): readonly Check[] {
  return quotas.map(({ service, code, called, needed, taken }) => ({
    area: 'quotas',
    name: `${called} in ${at.region}: the quota ${code} of ${service} is enough`,
    async run() {
      const asked = { ServiceCode: service, QuotaCode: code };
      const applied = await unlessMissing(at.quotas.send(new GetServiceQuotaCommand(asked)));
      const answer = applied ?? (await unlessMissing(at.quotas.send(new GetAWSDefaultServiceQuotaCommand(asked))));
      const { QuotaName: name = '', Value: value } = answer?.Quota ?? {};
      if (value === undefined) return couldNot('Service Quotas has no value for it', 'Look in the Service Quotas console.');
      if (!name.includes(called)) return couldNot(`${code} is called '${name}'`, `Find '${called}' in the Service Quotas console.`);
      const others = (await taken?.(settings, at)) ?? 0;
      const wanted = needed(settings);
      const seen = `${value} allowed, ${wanted} needed${taken === undefined ? '' : `, ${others} taken by others`}`;
      if (value >= wanted + others) return ok(seen);
      return failed(seen, `Ask for ${wanted + others} or more: aws service-quotas request-service-quota-increase --service-code ${service} ` +
        `--quota-code ${code} --desired-value ${wanted + others} --region ${at.region}`);
    },
  }));
}
