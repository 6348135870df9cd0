/**
 * The kill switch of one book. Its second state writes the lease, with no function in between and whatever workflow has
 * the book: the holder stops at its next renewal, and at the latest when its lease has run out. Then it watches the
 * holder give the book up, which it does when everything that it sent has a known outcome.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { lengths } from '../contracts/operations.ts';
import { haltOf } from '../lease/control.ts';
import { leaseItem, renderWrite } from '../lease/update.ts';
import type { BookName } from '../lease/model.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { noted, nothing, pollSeconds } from './blocks/variables.ts';
import { js, quoted, type Jsonata, type Workflow } from './workflow.ts';

export interface HaltParts extends EndingParts {
  readonly leaseTableName: string;
  readonly leaseTableArn: string;
}

/** Longer than a lease and the drain that a holder may need to know all its outcomes. */
const stopLimitSeconds = 20;

export function halt(w: Workflow, parts: HaltParts): sfn.IChainable {
  const ending = endingsOf(w, parts, {
    what: 'halt', folder: 'halts', hasTheBook: false,
    succeeded: 'Nobody holds the book, and nobody can take it until it is resumed.',
    facts: `'epoch': $epoch, 'stopped': $holder`,
  });
  const refused = w.fail('The halt was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });

  const look = w.call('Look whether the holder has given the book up', {
    comment: 'It does so when everything that it sent has a known outcome.',
    service: 'dynamodb', action: 'GetItem',
    parameters: { TableName: parts.leaseTableName, Key: { book: { S: js('$request.book') }, item: { S: leaseItem } }, ConsistentRead: true },
    resources: [parts.leaseTableArn],
    assign: { stillHeldBy: js("$exists($states.result.Item.holder) ? $states.result.Item.holder.S : ''") },
    catches: { 'States.ALL': ending.needsAPerson },
  });
  const watch = w.poll({
    begin: 'Begin to wait for the holder to stop', since: 'stoppingSince',
    ask: look,
    judge: 'Has the holder given the book up?',
    judgeComment: 'It sends nothing new from its next renewal on; this is about what was on its way.',
    answers: [{
      when: js("$stillHeldBy = ''"), next: ending.succeeded, comment: 'It has, and nobody can follow it.',
      assign: noted('Nobody holds the book.'),
    }],
    tooLate: {
      next: ending.needsAPerson, comment: 'It is dead or cut off: its lease has run out, and it said nothing.',
      assign: {
        why: js(`
          'The book is halted and nobody can take it. But ' & $stillHeldBy & ' did not give it up within ${stopLimitSeconds} s: it is dead or cut off,
          its lease has run out, and what it sent last is not known here. Look at the open orders at the venue.'
        `),
      },
    },
    pause: 'Wait a moment for the holder to stop', everySeconds: pollSeconds, limitSeconds: stopLimitSeconds,
  });

  const write = renderWrite(parts.leaseTableName, haltOf(js('$request.book') as string as BookName, {
    reason: js('$request.reason'), by: js('$request.requestedBy'),
  }));
  const stop = w.call('Halt the book in the lease', {
    comment: 'One write, on condition that there is such a book: the same as the one by hand in the runbook.',
    service: 'dynamodb', action: 'UpdateItem',
    parameters: { ...write },
    resources: [parts.leaseTableArn],
    errors: ['DynamoDb.ConditionalCheckFailedException'],
    assign: {
      epoch: js('$number($states.result.Attributes.epoch.N)'),
      holder: js("$exists($states.result.Attributes.holder) ? $states.result.Attributes.holder.S : 'nobody'"),
      ...noted('The book was halted.'),
    },
    catches: {
      'DynamoDb.ConditionalCheckFailedException': w.pass('Note that there is no such book', {
        comment: 'The name was wrong.',
        assign: { why: js("'There is no book ' & $request.book & ' here. Correct the name and start again.'") },
      }).next(refused),
      'States.ALL': ending.needsAPerson,
    },
  });
  stop.next(watch);

  const checked = w.choice('Is the request a halt?', {
    comment: 'Judged here and not by a function: it must work when functions do not.',
    answers: [{ when: isHaltRequest, next: stop, comment: 'It names a book, a reason and a person.' }],
    otherwise: w.pass('Note what a halt must say', {
      comment: 'With what was seen.',
      assign: {
        why: js(`'The input is not a halt: it needs book, reason and requestedBy, and nothing else. Seen: ' & $string($states.context.Execution.Input)
          & ${quoted('. Correct it and start again; it looks like { "book": "main", "reason": "…", "requestedBy": "…" }.')}`),
      },
    }).next(refused),
  });
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      request: js('$states.context.Execution.Input'),
      epoch: 0, holder: 'unknown', steps: [], why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(checked);
}

/** `HaltRequest` of the contract, as an expression. */
const isHaltRequest: Jsonata = js(`(
  $text := function($value, $least, $most) { $type($value) = 'string' ? $length($value) >= $least and $length($value) <= $most : false };
  $type($request) = 'object'
    ? $count($keys($request)) = 3
      and $text($request.book, 1, 10) and ($type($request.book) = 'string' ? $contains($request.book, /^[a-z][a-z0-9]*$/) : false)
      and $text($request.reason, ${lengths.reason.least}, ${lengths.reason.most})
      and $text($request.requestedBy, ${lengths.requestedBy.least}, ${lengths.requestedBy.most})
    : false
)`);
