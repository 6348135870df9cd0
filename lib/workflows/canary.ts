/**
 * A release on a canary first: a book of its own with a tenth of the capital, cut over by the machine that cuts over any
 * book, watched there, and then given to the book whose canary it is. What it did is judged by its orders and by what they
 * earned; where that says too little a person decides. It holds no book itself: the machines that it starts do, while they
 * run. See docs/decisions/0015-canary.md.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { endingsOf } from './blocks/endings.ts';
import { executionWithin, type MachineWithin } from './blocks/execution-within.ts';
import { gates, gatesUnknown } from './blocks/gates.ts';
import type { CutoverParts } from './blocks/parts.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { bare, noted, nothing } from './blocks/variables.ts';
import { js, quoted, type Workflow } from './workflow.ts';

export interface CanaryParts extends CutoverParts {
  /** By the name of the book that has one. */
  readonly canaries: Readonly<Record<string, { readonly book: string; readonly capital: number }>>;
  readonly machines: { readonly cutover: MachineWithin; readonly rollback: MachineWithin; readonly halt: MachineWithin };
  readonly watchMinutes: number;
}

const looksEverySeconds = 60;
/** People take minutes, and an execution has room for 25,000 events. */
const decisionPollSeconds = 20;
const here = '$states.context.Execution.Id';

export function canary(w: Workflow, parts: CanaryParts): sfn.IChainable {
  const { machines, limits } = parts;
  const refused = w.fail('The canary was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const ending = endingsOf(w, parts, {
    what: 'canary', folder: 'canaries', hasTheBook: false, refused,
    succeeded: 'The canary was healthy, or a person said so, and the book runs the release too.',
    rolledBack: 'The canary runs what it ran before, or is halted; the book was not touched.',
    facts: `
      'canary': $canary.book, 'images': $request.images, 'change': $request.change, 'force': $request.force, 'forced': $forced,
      'requester': $requester, 'approvedBy': $approvedBy, 'liveBefore': $before, 'watched': $tally, 'seen': $seen, 'decided': $decided`,
  });

  // ── The book itself ──────────────────────────────────────────────────────────────────────────────────────
  const cutoverOf = (target: string): string =>
    `$merge([$sift($request, function($v, $k) { $k != 'proof' }), { 'book': ${target}, 'within': ${here} }])`;
  const promote = executionWithin(w, machines.cutover, {
    what: 'cutover of the book', key: 'promotion', input: cutoverOf('$request.book'),
    succeeded: ending.succeeded,
    // Its own machine has put the book back, or left it as it was: what to do with the canary is for a person.
    failed: ending.needsAPerson,
  });
  const letThrough = w.invoke('Let the approvals hold for the book too', parts.approvals, 'extend', {
    comment: 'Until here they held for the canary alone: nobody gets past it with them.',
    input: { execution: js(here), book: js('$request.book') },
    assign: () => noted('The release goes to the book.'),
    catches: { 'States.ALL': ending.needsAPerson },
  });
  letThrough.next(promote);

  // ── Away with it ─────────────────────────────────────────────────────────────────────────────────────────
  const undone = (machine: 'rollback' | 'halt', more: string): sfn.IChainable =>
    executionWithin(w, machines[machine], {
      what: `${machine} of the canary`, key: machine,
      input: `{ 'book': $canary.book, 'reason': $substring('Canary: ' & $why, 0, 500), 'requestedBy': $request.requestedBy${more} }`,
      succeeded: ending.rolledBack,
      failed: ending.needsAPerson,
    });
  const away = w.choice('Did the canary run anything before?', {
    comment: 'A first release has nothing to go back to, and must not trade on.',
    answers: [{ when: js("$before != ''"), next: undone('rollback', ", 'to': { 'taskDefinition': $before }"), comment: 'Then it runs that again.' }],
    otherwise: undone('halt', ''),
  });

  // ── A person decides ─────────────────────────────────────────────────────────────────────────────────────
  const decision = {
    execution: js(`${here} & '/verdict'`),
    name: js("'canary/' & $states.context.Execution.Name & '/verdict'"),
  };
  const lookAtDecision = (name: string, comment: string, last: boolean): ReturnType<typeof w.invoke> =>
    w.invoke(name, parts.approvals, 'look', {
      comment,
      input: { execution: decision.execution, last },
      assign: (answer) => ({ decision: answer.state, decided: answer.seen }),
      catches: { 'States.ALL': away },
    });
  const close = lookAtDecision('Close the decision about the canary', 'From here on a word comes too late.', true);
  close.next(w.choice('Was it decided in the last moment?', {
    comment: 'The table decides, by the order of its writes.',
    answers: [{ when: js("$decision = 'approved'"), next: letThrough, comment: 'For it.' }],
    otherwise: w.pass('Note that nobody decided for the canary', {
      comment: 'What nobody answers for does not trade on.',
      assign: { why: js(`${quoted('Nobody decided for it in time (')} & $decided & '). ' & $seen`) },
    }).next(away),
  }));
  const decide = w.poll({
    begin: 'Begin to wait for the decision about the canary', since: 'decisionSince',
    ask: lookAtDecision('Look who has decided about the canary', 'As for any approval: identities that STS vouched for.', false),
    judge: 'Has somebody decided about the canary?',
    judgeComment: 'It trades on meanwhile, with a tenth of the capital.',
    answers: [
      { when: js("$decision = 'approved'"), next: letThrough, comment: 'For it.', assign: noted('People decided for the release.') },
      { when: js("$decision = 'rejected'"), next: away, comment: 'Against it.', assign: { why: js('$decided') } },
    ],
    tooLate: { next: close, comment: 'The time is over.' },
    pause: 'Wait a while for a decision', everySeconds: decisionPollSeconds, limitSeconds: limits.approvalSeconds,
  });
  const tell = w.call('Tell people who must decide about the canary', {
    comment: 'With what was seen and the commands to paste; nothing in them is secret.',
    service: 'sns', action: 'Publish',
    parameters: {
      TopicArn: parts.topicArn,
      Subject: js("'Baton: decide about the canary of ' & $request.book"),
      Message: js(`
        'The canary ' & $canary.book & ' was not judged: ' & $seen & '. Approve: the release goes to ' & $request.book &
        '. Reject, or say nothing for ${limits.approvalSeconds / 60} minutes: the canary is rolled back. ' & $string($decisionsWanted) &
        ' must say so. Execution: ' & ${here} & ${quoted('\n\n')} & $commands
      `),
    },
    resources: [parts.topicArn],
    catches: { 'States.ALL': away },
  });
  tell.next(decide);
  const askPeople = w.invoke('Open the decision about the canary', parts.approvals, 'open', {
    comment: 'By as many as approve a change here, and by one where none do.',
    input: {
      ...decision, startedAt: js('$states.context.Execution.StartTime'), proof: nothing,
      books: js('[$canary.book]'), images: js('$request.images'), within: js(here), least: 1,
    },
    assign: (answer) => ({ decisionsWanted: answer.required, commands: answer.commands }),
    refused: { judge: 'Do the approvals hold for the decision?', next: away },
    catches: { 'States.ALL': away },
  });
  askPeople.next(tell);
  const blind = w.pass('Note that the canary was not looked at', {
    comment: 'It trades on, and nobody knows how.', assign: { seen: js('$why') },
  }).next(askPeople);

  // ── Watch ────────────────────────────────────────────────────────────────────────────────────────────────
  const looks = parts.watchMinutes * 60 / looksEverySeconds;
  const look = w.invoke('Look how the canary trades', parts.inspection, 'watchCanary', {
    comment: 'By the book’s own journal: what the venue answered, how fast, and what was earned.',
    input: {
      book: js('$canary.book'), imageDigest: js('$request.images.trader'), capital: js('$canary.capital'),
      last: js(`$canaryLooks + 1 >= ${looks}`), tally: js('$tally'),
    },
    assign: (answer) => ({ verdict: answer.verdict, tally: answer.tally, seen: answer.seen }),
    catches: { 'States.ALL': blind },
  });
  const watch = w.rounds({
    begin: 'Begin to watch the canary', counter: 'canaryLooks',
    pause: 'Let the canary trade for a minute', pauseSeconds: looksEverySeconds,
    ask: look,
    judge: 'Is the canary healthy so far?',
    judgeComment: 'The first look that breaks a limit ends it.',
    answers: [
      {
        when: js("$verdict = 'superseded'"), next: ending.needsAPerson, comment: 'Somebody has put another release there.',
        assign: { why: js("'It was watched no longer: ' & $seen & '.'") },
      },
      { when: js("$verdict = 'inconclusive'"), next: askPeople, comment: 'It shows too little.', assign: noted('The canary could not be judged.') },
    ],
    good: js("$verdict != 'breach'"),
    bad: w.pass('Note what the canary did', { comment: 'Kept for the report and the notice.', assign: { why: js('$seen') } }).next(away),
    rounds: looks,
    done: w.pass('Note that the canary was healthy', { comment: 'With its figures.', assign: noted('The canary was healthy.') }).next(letThrough),
  });

  // ── The canary's own cutover ─────────────────────────────────────────────────────────────────────────────
  const start = executionWithin(w, machines.cutover, {
    what: 'cutover of the canary', key: 'trial', input: cutoverOf('$canary.book'),
    succeeded: w.pass('Note that the canary runs the release', {
      comment: 'From here on it is watched.', assign: noted('The canary runs the release.'),
    }).next(watch),
    endings: { [endings.refused]: ending.refused(), [endings.rolledBack]: ending.rolledBack },
    failed: ending.needsAPerson,
  });
  const remember = w.invoke('Look at the canary before the change', parts.inspection, 'beforeCanary', {
    comment: 'What it runs, to go back to, and what it has earned, to compare with.',
    input: { book: js('$canary.book') },
    assign: (answer) => ({ before: answer.taskDefinition, tally: answer.tally, redrives: js('$states.context.Execution.RedriveCount') }),
    catches: { 'States.ALL': ending.refused() },
  });
  remember.next(start);

  // ── Refusals: up to here nothing was changed ─────────────────────────────────────────────────────────────
  const admission = gates(w, parts, { passed: remember, refused, refusedLate: ending.refused() }, {
    what: 'canary', name: js("'canary/' & $states.context.Execution.Name"), books: js('[$canary.book]'),
  });
  const known = w.choice('Does this book have a canary?', {
    comment: 'A setting: a second book with a tenth of its capital.',
    answers: [{ when: js("$canary.book != ''"), next: admission, comment: 'It has.' }],
    otherwise: w.pass('Note that this book has no canary', {
      comment: 'Kept for the ending.',
      assign: {
        why: js(`$request.book & ${quoted(` has no canary; of these books there is one: ${Object.keys(parts.canaries).join(', ')}. Start a cutover, or give it one in the settings.`)}`),
      },
    }).next(refused),
  });
  const check = w.invoke(checkTheRequest, parts.inspection, 'checkRequest', {
    ...typedRequest(refused),
    comment: 'The same as for a cutover: every fault is named, with what was seen and what to do.',
    assign: (answer, whole) => ({
      request: whole,
      book: js(`( $found := $lookup($books, ${bare(answer.book)}); $exists($found) ? $found : {} )`),
      canary: js(`( $found := $lookup($canaries, ${bare(answer.book)}); $exists($found) ? $found : { 'book': '' } )`),
    }),
  });
  check.next(known);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      books: Object.fromEntries(parts.books.map(({ name, deploymentWindow }) => [name, { deploymentWindow }])), canaries: parts.canaries,
      redrives: 0, steps: [], before: nothing, tally: {}, seen: nothing, decided: nothing, why: nothing, loose: nothing, outcome: nothing,
      ...gatesUnknown,
    },
  }).next(check);
}
