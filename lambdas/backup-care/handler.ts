/** backup-care: judges deletions and keeps the configuration. Contract: lib/contracts/backups.ts, `backupCare`. */
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeStateMachineCommand, paginateListStateMachines, SFNClient } from '@aws-sdk/client-sfn';
import { careSteps } from '../../lib/backups/care.ts';
import { backupCare } from '../../lib/contracts/backups.ts';
import { serve } from '../serve.ts';

const objects = new S3Client({});
const states = new SFNClient({});

export const handler = serve(backupCare, process.env, ({ BATON_BUCKET, BATON_PREFIX, BATON_SETTINGS }) =>
  careSteps({
    settings: BATON_SETTINGS,
    async machines() {
      const found = new Map<string, string>();
      for await (const { stateMachines = [] } of paginateListStateMachines({ client: states }, {})) {
        for (const { name = '', stateMachineArn } of stateMachines.filter((each) => each.name?.startsWith(`${BATON_PREFIX}-`))) {
          found.set(name, (await states.send(new DescribeStateMachineCommand({ stateMachineArn }))).definition ?? '');
        }
      }
      return found;
    },
    async save(Key, Body, because) {
      await objects.send(new PutObjectCommand({ Bucket: BATON_BUCKET, Key, Body, ContentType: 'application/json', Metadata: { because } }));
    },
  }));
