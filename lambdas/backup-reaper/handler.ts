/** backup-reaper: removes what verifications and restores have left behind. Contract: lib/contracts/backups.ts, `backupReaper`. */
import {
  DeleteReplicationGroupCommand, DeleteSnapshotCommand, ElastiCacheClient, paginateDescribeReplicationGroups, paginateDescribeSnapshots,
} from '@aws-sdk/client-elasticache';
import { DeleteDBInstanceCommand, paginateDescribeDBInstances, RDSClient } from '@aws-sdk/client-rds';
import { reaperSteps, type Kind, type Temporary } from '../../lib/backups/reaper.ts';
import { backupReaper, temporaryTags } from '../../lib/contracts/backups.ts';
import { serve } from '../serve.ts';

const databases = new RDSClient({});
const caches = new ElastiCacheClient({});

const kinds: readonly Kind[] = [
  {
    what: 'the database',
    async list() {
      const found: Temporary[] = [];
      for await (const { DBInstances = [] } of paginateDescribeDBInstances({ client: databases }, {})) {
        for (const { DBInstanceIdentifier: name = '', DBInstanceStatus, InstanceCreateTime, TagList = [] } of DBInstances) {
          const tags = new Map(TagList.map(({ Key = '', Value = '' }) => [Key, Value]));
          const tagged = tags.get(temporaryTags.madeAt);
          // One that is being created has no time of its own yet.
          found.push({ name, tags, madeAt: tagged === undefined ? InstanceCreateTime : new Date(tagged), going: DBInstanceStatus === 'deleting' });
        }
      }
      return found;
    },
    async remove(DBInstanceIdentifier) {
      await databases.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true, DeleteAutomatedBackups: true }));
    },
  },
  {
    what: 'the cache',
    async list() {
      const found: Temporary[] = [];
      for await (const { ReplicationGroups = [] } of paginateDescribeReplicationGroups({ client: caches }, {})) {
        for (const { ReplicationGroupId: name = '', ReplicationGroupCreateTime: madeAt, Status } of ReplicationGroups) {
          found.push({ name, madeAt, going: Status === 'deleting' });
        }
      }
      return found;
    },
    async remove(ReplicationGroupId) {
      await caches.send(new DeleteReplicationGroupCommand({ ReplicationGroupId, RetainPrimaryCluster: false }));
    },
  },
  {
    what: 'the snapshot',
    async list() {
      const found: Temporary[] = [];
      for await (const { Snapshots = [] } of paginateDescribeSnapshots({ client: caches }, { SnapshotSource: 'user' })) {
        for (const { SnapshotName: name = '', SnapshotStatus, NodeSnapshots = [] } of Snapshots) {
          found.push({ name, madeAt: NodeSnapshots[0]?.SnapshotCreateTime, going: SnapshotStatus === 'deleting' });
        }
      }
      return found;
    },
    async remove(SnapshotName) {
      await caches.send(new DeleteSnapshotCommand({ SnapshotName }));
    },
  },
];

export const handler = serve(backupReaper, process.env, ({ BATON_PREFIX, BATON_OLDEST_HOURS }) =>
  reaperSteps({ prefix: BATON_PREFIX, oldestHours: BATON_OLDEST_HOURS, kinds, nowMs: () => Date.now() }));
