/** One Region's parameters and machines as its watch sees and changes them, by the SDK. */
import { ExecutionAlreadyExists, StartExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn';
import {
  DeleteParameterCommand, GetParameterCommand, GetParametersCommand, ParameterNotFound, PutParameterCommand, type SSMClient,
} from '@aws-sdk/client-ssm';
import { AddTagsToResourceCommand, type RDSClient } from '@aws-sdk/client-rds';
import { writtenTag } from '../contracts/backups.ts';
import type { Call } from '../contracts/call.ts';
import type { databaseRecovery } from '../contracts/recovery.ts';
import { RecordedLive } from '../contracts/standby.ts';
import type { RegionApis } from '../switchover/other-region-steps.ts';
import type { WatchedRegion } from './watch.ts';

export function watchedRegion({ environment, regions, refreshMachineArn, parameters, machines }: {
  readonly environment: string;
  readonly regions: readonly string[];
  readonly refreshMachineArn: string;
  readonly parameters: SSMClient;
  readonly machines: SFNClient;
}): Pick<WatchedRegion, 'record' | 'live' | 'refresh'> {
  return {
    async record(fact, region) {
      const nameOf = (each: string): string => `/baton/${environment}/${fact}/${each}`;
      const { Parameters = [] } = await parameters.send(new GetParametersCommand({ Names: regions.map(nameOf) }));
      const wrong = Parameters.map(({ Name = '' }) => Name).filter((name) => name !== nameOf(region));
      const isThere = Parameters.length > wrong.length;
      // The wrong one first: in between no deployment passes at all.
      for (const Name of wrong) await parameters.send(new DeleteParameterCommand({ Name }));
      if (!isThere) await parameters.send(new PutParameterCommand({ Name: nameOf(region), Value: region, Type: 'String', Overwrite: true }));
      return wrong.length > 0 || !isThere;
    },
    async live(book) {
      const Name = `/baton/${environment}/${book}/live`;
      const value = await parameters.send(new GetParameterCommand({ Name })).then(({ Parameter }) => Parameter?.Value, unlessMissing);
      return recordedIn(value);
    },
    async refresh(name, request) {
      try {
        await machines.send(new StartExecutionCommand({ stateMachineArn: refreshMachineArn, name, input: JSON.stringify(request) }));
        return true;
      } catch (error) {
        if (error instanceof ExecutionAlreadyExists) return false;
        throw error;
      }
    },
  };
}

/** The database beside the watch: RDS says whether there is one, the function that speaks to it what it may do. */
export function watchedDatabase({ identifier, apis, databases, ask }: {
  readonly identifier: string;
  readonly apis: Pick<RegionApis, 'database'>;
  readonly databases: RDSClient;
  readonly ask: Call<typeof databaseRecovery>;
}): WatchedRegion['database'] {
  return {
    async isWritable() {
      const found = await apis.database(identifier);
      // On its way to become a replica, or away from its name: a machine saw to it before that nobody writes it.
      if (found === undefined || found.DBInstanceStatus === 'creating' || found.DBInstanceStatus === 'renaming') return false;
      const { inRecovery, readOnly } = await ask('position', {});
      return !inRecovery && !readOnly;
    },
    async isolate() {
      await ask('isolate', {});
    },
    async tagWritten(isWritten) {
      const wanted = isWritten ? writtenTag.yes : writtenTag.no;
      const { DBInstanceArn, TagList = [] } = (await apis.database(identifier)) ?? {};
      if (DBInstanceArn === undefined || TagList.some(({ Key, Value }) => Key === writtenTag.key && Value === wanted)) return false;
      await databases.send(new AddTagsToResourceCommand({ ResourceName: DBInstanceArn, Tags: [{ Key: writtenTag.key, Value: wanted }] }));
      return true;
    },
  };
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof ParameterNotFound)) throw error;
}

/** `none`, as the first deployment writes it, is no record; nor is anything that no machine wrote. */
function recordedIn(value: string | undefined): RecordedLive | undefined {
  try {
    const parsed = RecordedLive.safeParse(JSON.parse(value ?? ''));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
