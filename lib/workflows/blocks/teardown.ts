/**
 * Removes what was made under the name of an execution, `$name`, and waits until it is gone; what was never made is gone already. What cannot be removed is
 * said in `$leftOver`, and the machine goes on.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, quoted, type CatchTarget, type Workflow } from '../workflow.ts';

const removalLimitSeconds = 1800;
const removalAttempts = 15;
const patientSeconds = 60;

export function teardown(w: Workflow, { what, key, next, gone, tooEarly, service, remove, look, resource, parameters, named }: {
  readonly what: string;
  readonly key: string;
  readonly next: sfn.IChainable;
  /** The errors that say so. */
  readonly gone: string;
  readonly tooEarly: string;
  readonly service: string;
  readonly remove: string;
  readonly look: string;
  readonly resource: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly named: Readonly<Record<string, unknown>>;
}): sfn.IChainable {
  const lost = `${key}Lost`;
  const left = w.pass(`Note that the ${what} is left`, {
    comment: 'The reaper tries again later; a person is told.',
    assign: { leftOver: js(`$leftOver & ${quoted(` The ${what} `)} & $name & ' is left: ' & $${lost} & '.'`) },
  }).next(next);
  const catches: Record<string, CatchTarget> = { [gone]: { quietly: next }, 'States.ALL': { into: lost, next: left } };
  const wait = w.poll({
    begin: `Begin to wait until the ${what} is gone`, since: `${key}GoneSince`,
    ask: w.call(`Look whether the ${what} is gone`, {
      comment: 'It is when nobody knows it any more.', service, action: look, parameters: named, resources: [resource], errors: [gone], catches,
    }),
    judge: `Has the ${what} been there too long?`, judgeComment: 'Once more, and then a person.',
    answers: [],
    tooLate: { next: left, comment: 'It has.', assign: { [lost]: `it was not gone within ${removalLimitSeconds} s` } },
    pause: `Wait a while until the ${what} is gone`, everySeconds: patientSeconds, limitSeconds: removalLimitSeconds,
  });
  return w.call(`Remove the ${what}`, {
    comment: 'Whatever happened before.', service, action: remove, parameters, resources: [resource],
    errors: [gone, tooEarly], tooEarly: { error: tooEarly, everySeconds: patientSeconds, times: removalAttempts }, catches,
  }).next(wait);
}
