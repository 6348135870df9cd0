/**
 * The errors by which each service refuses a caller, as clients and state machines see them.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */
import { AwsError } from '../cloud/model.ts';

/** Services of the query protocols, S3 and EC2 have names of their own for it. */
const refusalNames: Readonly<Record<string, string>> = {
  cloudformation: 'AccessDenied',
  ec2: 'UnauthorizedOperation',
  elasticache: 'AccessDenied',
  iam: 'AccessDenied',
  monitoring: 'AccessDenied',
  rds: 'AccessDenied',
  s3: 'AccessDenied',
  sns: 'AuthorizationErrorException',
  sts: 'AccessDenied',
};

export interface Refused {
  /** The service that was called. */
  readonly service: string;
  /** The ARN of who called. */
  readonly by: string;
  /** What it lacks; not always of that service. */
  readonly action: string;
  readonly resource: string;
  readonly reason: string;
}

export function refusal({ service, by, action, resource, reason }: Refused): AwsError {
  const message = `User: ${by} is not authorized to perform: ${action} on resource: ${resource} ${reason}`;
  if (action.startsWith('kms:') && service === 'sns') return new AwsError('KMSAccessDeniedException', message);
  if (action.startsWith('kms:') && service === 'secretsmanager') return new AwsError('AccessDeniedException', `Access to KMS is not allowed. ${message}`);
  return new AwsError(refusalNames[service] ?? 'AccessDeniedException', message);
}

/** A key that nobody was given, or that came without its token. */
export function unknownKey(service: string): AwsError {
  if (service === 's3') return new AwsError('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  if (service === 'ec2') return new AwsError('AuthFailure', 'AWS was not able to validate the provided access credentials');
  const name = refusalNames[service] === undefined ? 'UnrecognizedClientException' : 'InvalidClientTokenId';
  return new AwsError(name, 'The security token included in the request is invalid.');
}
