/**
 * The replacement of an exchange key that people make by hand, at venues that let nobody else: one of them is asked to make it and to put
 * it in, it is proved, promoted and proved again by every task, and after the grace somebody is asked to delete the old one, which is then
 * seen to be refused. Nobody stops trading for it.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { keyRotation } from '../contracts/key-rotation.ts';
import type { bookOperations } from '../contracts/operations.ts';
import type { InvokedFunction } from '../constructs/function.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { executionHash, noted, nothing } from './blocks/variables.ts';
import { js, quoted, type Workflow } from './workflow.ts';

export interface ReplaceKeyParts extends EndingParts {
  readonly environment: string;
  readonly region: string;
  readonly operations: InvokedFunction<typeof bookOperations>;
  /** Of the book that the request names. */
  readonly keys: InvokedFunction<typeof keyRotation>;
  readonly graceHours: number;
  /** How long people may take for each thing that they are asked. */
  readonly answerDays: number;
}

const daySeconds = 86_400;
/** A task that is away comes back, or is replaced, within that. */
const proveLimitSeconds = 3600;
const provePollSeconds = 30;

export function replaceKey(w: Workflow, parts: ReplaceKeyParts): sfn.IChainable {
  const { keys, operations, topicArn, environment, region } = parts;
  const withinSeconds = parts.answerDays * daySeconds;
  const ending = endingsOf(w, parts, {
    what: 'replacement of a key', folder: 'key-replacements', hasTheBook: false,
    succeeded: 'The book trades with the new key, and the old one is refused by the venue.',
    facts: `'version': $version, 'key': $key`,
  });
  const refused = w.fail('The replacement was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const catches = { 'States.ALL': ending.needsAPerson };
  const answer = `
    ${quoted('\n\nThen answer:\n\n  aws stepfunctions send-task-success --region ')} & ${quoted(region)} & ' --task-output ' & ${quoted("'{}'")}
    & ' --task-token ' & ${quoted("'")} & $states.context.Task.Token & ${quoted("'\n\nIf it cannot be done: send-task-failure, with --error and --cause.\n")}`;

  const verify = w.invoke('See that the old key is refused', keys, 'revoke', {
    comment: 'Deleting was a person; that it is gone, the venue says.',
    input: { proof: js('$proof') },
    assign: () => noted('The old key is refused.'),
    whileBusy: true,
    catches,
  });
  verify.next(ending.succeeded);
  const askToDelete = w.ask('Ask a person to delete the old key', {
    comment: 'After the grace, when every task trades with the new one.',
    topicArn, withinSeconds,
    subject: js(`${quoted('Baton: delete the old exchange key of ')} & $request.book`),
    message: js(`
      'Every task of book ' & $request.book & ${quoted(' trades with the new exchange key, and the grace is over. Delete the key before it in the pages of the venue.')}
      & ${answer}`),
    catches,
  });
  askToDelete.next(verify);
  const grace = w.wait('Wait for the grace to be over', {
    comment: 'The old key works for so long, in case that the new one must be taken back.', seconds: parts.graceHours * 3600,
  });
  grace.next(askToDelete);
  const settle = w.invoke('Look whether every task has proved the new key', keys, 'settle', {
    comment: 'Each by a request of its own.',
    input: {},
    assign: (seen) => ({ proved: seen.state, current: seen.version, proof: seen.proof, unprovedBy: js(`$join(${seen.unprovedBy.slice(2, -2)}, ', ')`) }),
    whileBusy: true,
    catches,
  });
  const prove = w.poll({
    begin: 'Begin to wait for every task to prove it', since: 'provingSince',
    ask: settle,
    judge: 'Has every task proved the new key?',
    judgeComment: 'Until then both keys work.',
    answers: [{ when: js("$proved = 'proved' and $current = $version"), next: grace, comment: 'All have.', assign: noted('Every task has proved the new key.') }],
    tooLate: {
      next: ending.needsAPerson, comment: 'Some task does not use it.',
      assign: { why: js(`'The new key was promoted, and not proved within ${proveLimitSeconds} s by: ' & ($current = $version ? $unprovedBy : 'anybody, for another is current') & '. The old one still works: do not delete it.'`) },
    },
    pause: 'Wait a while for the tasks', everySeconds: provePollSeconds, limitSeconds: proveLimitSeconds,
  });
  const finish = w.invoke('Promote the key that a person put in', keys, 'finish', {
    comment: 'Tasks notice it within seconds.',
    input: { version: js('$version') },
    assign: () => noted('The new key was promoted.'),
    whileBusy: true,
    catches: { NotProvedYetError: { quietly: prove }, ...catches },
  });
  finish.next(prove);
  const test = w.invoke('Prove the key that a person put in', keys, 'test', {
    comment: 'Before anything trades with it.',
    input: { version: js('$version') },
    assign: (seen) => ({ key: seen.name, ...noted('The new key was proved.') }),
    whileBusy: true,
    catches,
  });
  test.next(finish);
  const secretId = `${quoted(`baton-${environment}/`)} & $request.book & '/venue'`;
  const askToMake = w.ask('Ask a person to make a new key', {
    comment: 'The value goes in by standard input, so that no command line and no history has it.',
    topicArn, withinSeconds,
    subject: js(`${quoted('Baton: a new exchange key is wanted for ')} & $request.book`),
    message: js(`
      $request.requestedBy & ' asks for a new exchange key of book ' & $request.book & ': ' & $request.reason
      & ${quoted('\n\n1. Make a key of the sub-account in the pages of the venue: it may trade, it may not withdraw, and is bound to the addresses that `npm run preflight` shows, of both Regions.\n2. Put it in, beside the one that trades. Paste the JSON, then Ctrl-D:\n\n  aws secretsmanager put-secret-value --region ')}
      & ${quoted(`${region} --secret-id `)} & ${secretId} & ' --client-request-token ' & $version
      & ${quoted(' --version-stages AWSPENDING --secret-string file:///dev/stdin\n  {"apiKey":"…","secret":"…","name":"<as the venue shows it>"}')}
      & ${answer}`),
    catches,
  });
  askToMake.next(test);
  const check = w.invoke(checkTheRequest, operations, 'checkKeyRequest', {
    ...typedRequest(refused),
    assign: (_, whole) => ({ request: whole }),
  });
  check.next(askToMake);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: { version: js(executionHash), key: nothing, unprovedBy: nothing, steps: [], why: nothing, loose: nothing, outcome: nothing },
  }).next(check);
}
