/** Whether settings, records and leases agree on where home is and on what runs. */
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeDBInstancesCommand } from '@aws-sdk/client-rds';
import { GetParameterCommand, GetParametersByPathCommand } from '@aws-sdk/client-ssm';
import type { Settings } from '../settings/index.ts';
import { type Check, failed, ok, unlessMissing } from './check.ts';
import type { Clients } from './clients.ts';
import { notYet } from './stacks.ts';

const area = 'topology';

export function topologyChecks({ environment, account, books }: Settings, home: Clients, standby: Clients): readonly Check[] {
  const homeRegion = home.region;
  const databaseIdentifier = `baton-${environment}`;
  return [
    ...[home, standby].flatMap((at) => [
      recordCheck(at, 'the home Region', `/baton/${environment}/home-region`, homeRegion),
      recordCheck(at, 'the writing database', `/baton/${environment}/writing-database`, homeRegion),
    ]),
    {
      area,
      name: 'The database of the home Region is the one that is written',
      async run() {
        const asked = home.database.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: databaseIdentifier }));
        const database = (await unlessMissing(asked))?.DBInstances?.[0];
        if (database === undefined) return notYet(`the database ${databaseIdentifier}`);
        const source = database.ReadReplicaSourceDBInstanceIdentifier;
        if (source !== undefined) return failed(`a replica of ${source}`, 'The writer is elsewhere: correct the settings to where it is.');
        const { DBInstanceStatus: status, MultiAZ: isMultiAz } = database;
        const seen = `${status}, ${isMultiAz === true ? 'in two zones' : 'in one zone'}, no replica of another`;
        if (status === 'available' && isMultiAz === true) return ok(seen);
        return failed(seen, 'Wait until it is available; a database in one zone was changed by hand: deploy again.');
      },
    },
    {
      area,
      name: 'The database of the standby Region follows it',
      async run() {
        const asked = standby.database.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: databaseIdentifier }));
        const replica = (await unlessMissing(asked))?.DBInstances?.[0];
        if (replica === undefined) return notYet(`the database ${databaseIdentifier} in ${standby.region}`);
        const source = replica.ReadReplicaSourceDBInstanceIdentifier;
        const status = replica.StatusInfos?.find(({ StatusType }) => StatusType === 'read replication')?.Status ?? 'unknown';
        const seen = source === undefined ? `a database of its own, ${replica.DBInstanceStatus}` : `of ${source}, ${status}`;
        if (source === `arn:aws:rds:${homeRegion}:${account}:db:${databaseIdentifier}` && status === 'replicating') return ok(seen);
        return failed(seen, 'A failover now would lose what the ledger wrote since: docs/runbooks/replication.md.');
      },
    },
    ...books.flatMap((book): readonly Check[] => [
      {
        area,
        name: `The lease of ${book.name} is at home in ${homeRegion}`,
        async run() {
          const lease = await leaseOf(home, environment, book.name);
          if (lease === undefined) return notYet(`the lease of ${book.name}`);
          const where = lease['home']?.S;
          const seen = `home ${where}, ${lease['mode']?.S}, epoch ${lease['epoch']?.N}`;
          return where === homeRegion ? ok(seen) : failed(seen, "Correct 'home' in the settings: the lease is the truth.");
        },
      },
      {
        area,
        name: `What is recorded as live of ${book.name} is what its lease says`,
        async run() {
          const lease = await leaseOf(home, environment, book.name);
          const Name = `/baton/${environment}/${book.name}/live`;
          const answer = await unlessMissing(home.parameters.send(new GetParameterCommand({ Name })));
          const recorded = answer?.Parameter?.Value;
          if (lease === undefined || recorded === undefined) return notYet(Name);
          const live = lease['live']?.M?.['imageDigest']?.S;
          const seen = `recorded ${recorded}, lease ${live ?? 'none'}`;
          const agree = live === undefined ? recorded === 'none' : recorded.includes(live);
          return agree ? ok(seen) : failed(seen, 'A cutover ended between its two records: run the cutover of what the lease says again.');
        },
      },
    ]),
  ];
}

/** The fact is the name of the one parameter below the path (docs/decisions/0006). */
function recordCheck({ parameters, region }: Clients, fact: string, path: string, expected: string): Check {
  return {
    area,
    name: `The record of ${fact} in ${region} says ${expected}`,
    async run() {
      const { Parameters = [] } = await parameters.send(new GetParametersByPathCommand({ Path: path }));
      const names = Parameters.map(({ Name = '' }) => Name);
      if (names.length === 0) return notYet(`${path}/${expected} in ${region}`);
      if (names.length === 1 && names[0] === `${path}/${expected}`) return ok(names[0]);
      return failed(names.join(', '), 'Correct the settings to what is true; never make or delete such a parameter by hand.');
    },
  };
}

async function leaseOf({ tables }: Clients, environment: string, book: string) {
  const Key = { book: { S: book }, item: { S: 'lease' } };
  const asked = tables.send(new GetItemCommand({ TableName: `baton-${environment}-lease`, Key, ConsistentRead: true }));
  return (await unlessMissing(asked))?.Item;
}
