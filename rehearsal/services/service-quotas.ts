/** Service Quotas: what a new account may have, of what the system needs. */
import { AwsError, type ServiceModel } from '../cloud/model.ts';

interface Quota {
  readonly service: string;
  readonly code: string;
  readonly name: string;
  /** The default of a new account. */
  readonly value: number;
}
interface Asked {
  readonly ServiceCode: string;
  readonly QuotaCode: string;
}

const quotas: readonly Quota[] = [
  { service: 'ec2', code: 'L-0263D0A3', name: 'EC2-VPC Elastic IPs', value: 5 },
  { service: 'fargate', code: 'L-3032A538', name: 'Fargate On-Demand vCPU resource count', value: 6 },
  { service: 'lambda', code: 'L-B99A9384', name: 'Concurrent executions', value: 1000 },
  { service: 'rds', code: 'L-7B6409FD', name: 'DB instances', value: 40 },
  { service: 'vpc', code: 'L-DF5E4CA3', name: 'Network interfaces per Region', value: 5000 },
  { service: 'vpc', code: 'L-F678F1CE', name: 'VPCs per Region', value: 5 },
  { service: 'vpc', code: 'L-FE5A380F', name: 'NAT gateways per Availability Zone', value: 5 },
];

export function serviceQuotas(): ServiceModel {
  const shown = ({ ServiceCode, QuotaCode }: Asked): Record<string, unknown> => {
    const found = quotas.find(({ service, code }) => service === ServiceCode && code === QuotaCode);
    if (!found) throw new AwsError('NoSuchResourceException', `no quota ${QuotaCode} of ${ServiceCode}`);
    const { service, code, name, value } = found;
    return { Quota: { ServiceCode: service, QuotaCode: code, QuotaName: name, Value: value, Unit: 'None', Adjustable: true, GlobalQuota: false } };
  };
  return { service: 'servicequotas', operations: { GetServiceQuota: shown, GetAWSDefaultServiceQuota: shown } };
}
