/**
 * Resources that must exist for the templates to resolve but that nothing in a rehearsal runs on, of services that have
 * no model: what `Ref` gives of each, and nothing more. A type that is in no model and not here is an error.
 */
import type { ResourceHandler } from './model.ts';

const named: ResourceHandler = ({ generatedName }) => ({ ref: generatedName, attributes: {} });

export const inertResources: Readonly<Record<string, ResourceHandler>> = {
  'AWS::Budgets::Budget': named,
  'AWS::CDK::Metadata': named,
  'AWS::CE::AnomalyMonitor': ({ generatedName }) => {
    const arn = `arn:aws:ce::123456789012:anomalymonitor/${generatedName}`;
    return { ref: arn, attributes: { MonitorArn: arn } };
  },
  'AWS::CE::AnomalySubscription': named,
  'AWS::S3::BucketPolicy': ({ properties }) => ({ ref: String(properties['Bucket']), attributes: {} }),
  'AWS::SNS::TopicPolicy': named,
};
