/**
 * A Region gets a replica of the other one's database, in the place of the database that it was left with: that one is renamed and kept,
 * so that the name, and with it the endpoint that everything here knows, leads to the replica. Then the secrets follow the same way.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { otherRegion } from '../../contracts/switchover.ts';
import type { InvokedFunction } from '../../constructs/function.ts';
import { js, quoted, type Workflow } from '../workflow.ts';
import { unlessRedriven } from './variables.ts';

/** Nobody waits for the minute, and an execution has room for 25,000 events. */
const patientPollSeconds = 60;
const renameLimitSeconds = 1800;
/** It copies everything, and 100 GB between continents take their time. */
const replicaLimitSeconds = 7200;
const streamLimitSeconds = 1800;

export function reprotection(
  w: Workflow,
  parts: {
    readonly environment: string; readonly region: string; readonly otherRegionName: string; readonly other: InvokedFunction<typeof otherRegion>;
  },
  { replicaIn, key, done, failed }: {
    readonly replicaIn: string;
    /** In the names of states and variables. */
    readonly key: 'here' | 'there';
    readonly done: sfn.IChainable;
    /** The reason is in `$why`. */
    readonly failed: sfn.IChainable;
  },
): sfn.IChainable {
  const source = replicaIn === parts.region ? parts.otherRegionName : parts.region;
  const region = replicaIn;
  const catches = { OtherRegionUnreachableError: failed, 'States.ALL': failed };
  const aside = `${quoted(`baton-${parts.environment}-before-`)} & $substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 8)`;
  const seen = `${key}Seen`;

  const replicate = w.invoke(`Replicate the secrets ${key}`, parts.other, 'replicateSecrets', {
    comment: 'Those of the Region that is written are the originals from now on.',
    input: { from: unlessRedriven(quoted(source)) },
    assign: (answer) => ({ [seen]: js(`$join(${answer.failed.slice(2, -2)}, '; ')`) }),
    catches,
  });
  replicate.next(w.choice(`Were all secrets replicated ${key}?`, {
    comment: 'The call answers before all is done, and says what could not be.',
    answers: [{ when: js(`$${seen} = ''`), next: done, comment: 'All were.' }],
    otherwise: w.pass(`Note which secrets were not replicated ${key}`, {
      comment: 'The replica of the database is there.', assign: { why: js(`'Secrets were not replicated to ${region}: ' & $${seen} & '.'`) },
    }).next(failed),
  }));
  const streams = w.poll({
    begin: `Begin to wait for the stream ${key}`, since: `${key}StreamSince`,
    ask: w.invoke(`Look whether the replica ${key} is sent what is written`, parts.other, 'streams', {
      comment: 'Available is not enough.', input: { region }, assign: (answer) => ({ [seen]: answer.streaming, [`${key}IsReplica`]: answer.replica }), catches,
    }),
    judge: `Does the replica ${key} stream?`, judgeComment: 'It catches up first.',
    answers: [
      { when: js(`$${seen}`), next: replicate, comment: 'It does.' },
      {
        when: js(`$not($${key}IsReplica)`), next: failed, comment: 'It never will: another move has promoted it.',
        assign: { why: `The database in ${region} is no replica any more: another move has promoted it, and decides.` },
      },
    ],
    tooLate: { next: failed, comment: 'It does not.', assign: { why: `The replica in ${region} is there and is not sent what is written, after ${streamLimitSeconds} s.` } },
    pause: `Wait a while for the stream ${key}`, everySeconds: patientPollSeconds, limitSeconds: streamLimitSeconds,
  });
  const available = w.poll({
    begin: `Begin to wait for the replica ${key}`, since: `${key}ReplicaSince`,
    ask: w.invoke(`Look at the replica ${key}`, parts.other, 'database', {
      comment: 'RDS copies in the background.', input: { region }, assign: (answer) => ({ [seen]: answer.status }), catches,
    }),
    judge: `Is the replica ${key} available?`, judgeComment: 'Trading needs nothing of it.',
    answers: [
      { when: js(`$${seen} = 'available'`), next: streams, comment: 'It is.' },
      {
        when: js(`$${seen} in ['failed', 'missing']`), next: failed, comment: 'It will never be.',
        assign: { why: js(`'The replica in ${region} is ' & $${seen} & ': look at the events of RDS there, delete what is left of it, and start again.'`) },
      },
    ],
    tooLate: {
      next: failed, comment: 'It is not.',
      assign: { why: js(`'The replica in ${region} is ' & $${seen} & ' after ${replicaLimitSeconds} s. When it is available, start again.'`) },
    },
    pause: `Wait a while for the replica ${key}`, everySeconds: patientPollSeconds, limitSeconds: replicaLimitSeconds,
  });
  const create = w.invoke(`Make a replica ${key}`, parts.other, 'createReplica', {
    comment: 'In the shape of the database that was set aside, of which it has the name.',
    input: { region: unlessRedriven(quoted(region)) },
    catches,
  });
  create.next(available);
  return w.poll({
    begin: `Begin to set the database ${key} aside`, since: `${key}AsideSince`,
    ask: w.invoke(`Set the database ${key} aside`, parts.other, 'setAside', {
      comment: 'Renamed and kept: what it has, and others may not, is for people to look at.',
      input: { region: unlessRedriven(quoted(region)), as: js(aside) },
      assign: (answer) => ({ [seen]: answer.state, [`${key}Aside`]: answer.seen }),
      catches,
    }),
    judge: `Is the name of the database ${key} free?`, judgeComment: 'Or a replica has it already.',
    answers: [{ when: js(`$${seen} = 'done'`), next: create, comment: 'It is.' }],
    tooLate: {
      next: failed, comment: 'It keeps its name.',
      assign: { why: js(`'The database in ${region} was not renamed within ${renameLimitSeconds} s: ' & $${key}Aside & '.'`) },
    },
    pause: `Wait a while for the name of the database ${key}`, everySeconds: patientPollSeconds, limitSeconds: renameLimitSeconds,
  });
}
