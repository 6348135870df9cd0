/** cost-report: what a month cost, as a page. Contract: lib/contracts/cost-report.ts. */
import { CostExplorerClient } from '@aws-sdk/client-cost-explorer';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { costReport } from '../../lib/contracts/cost-report.ts';
import { costExplorer, costExplorerRegion } from '../../lib/cost/cost-explorer.ts';
import { reportSteps } from '../../lib/cost/report-steps.ts';
import { serve } from '../serve.ts';

const objects = new S3Client({});
const notices = new SNSClient({});

const report = serve(costReport, process.env, ({ BATON_ENVIRONMENT, BATON_REPORTS_BUCKET: Bucket, BATON_NOTICES_TOPIC: TopicArn, BATON_TAGS }) =>
  reportSteps({
    environment: BATON_ENVIRONMENT,
    tags: BATON_TAGS.split(','),
    costs: costExplorer(new CostExplorerClient({ region: costExplorerRegion })),
    async keep(Key, Body) {
      await objects.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'text/html; charset=utf-8' }));
      return `s3://${Bucket}/${Key}`;
    },
    async tell(Subject, Message) {
      await notices.send(new PublishCommand({ TopicArn, Subject, Message }));
    },
    now: () => new Date(),
  }));

/** By the schedule, or by a person who wants another month. */
export const handler = ({ month }: { readonly month?: string } = {}): Promise<unknown> => report({ step: 'showback', ...(month !== undefined && { month }) });
