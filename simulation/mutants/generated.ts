/**
 * Mutants that nobody chose: every conjunct of every condition of a write to the lease or the journal dropped, every wait of the protocol over at
 * once, every wait of the trader left out, every check of a machine's token skipped, every fence of the key's rotation opened. Found by their form in the source.
 */
import { sourceOf, type Mutant } from './mutant.ts';

interface Form {
  readonly files: readonly string[];
  readonly pattern: RegExp;
  /** `before` is what stands before it. */
  readonly change: (found: RegExpExecArray, before: string) => { readonly what: string; readonly text: string };
}

const conjuncts: Form = {
  files: ['lib/lease/protocol.ts', 'lib/lease/control.ts'],
  pattern: /\{ path: '([\w.]+)', (equals|differs|absent|present): [^{}]*? \},?/g,
  // An alternative cannot fall away: it always holds.
  change: ([, path = '', kind = ''], before) => ({ what: `without the condition on ${path} (${kind})`, text: /[?:]\s*$/.test(before) ? "{ path: 'epoch', present: true }" : '' }),
};

/** Of a condition in DynamoDB's words: what is joined by AND falls away, what is an alternative always holds. */
const expressions: Form = {
  files: ['lib/trading/journal.ts'],
  pattern: /attribute_not_exists\((?:book|outcome|#outcome)\)|attribute_exists\(book\)|writtenBy = :writtenBy|#below <= :below/g,
  change: ([found]) => ({ what: `with '${found}' always true`, text: `(attribute_exists(book) OR attribute_not_exists(book)${names(found)})` }),
};

/** DynamoDB refuses a name or a value that nothing uses: it is named where it changes nothing. */
function names(found: string): string {
  return /[:#]/.test(found) ? ` OR ${found}` : '';
}

const protocolWaits: Form = {
  files: ['lib/lease/protocol.ts'],
  pattern: /\bnow (>=|<) ([\w.]+(?: \+ [\w.]+)?)/g,
  change: ([, comparison, bound = '']) => ({ what: `not waiting for ${bound}`, text: comparison === '<' ? 'false' : 'true' }),
};

const traderWaits: Form = {
  files: ['lib/trading/trader.ts'],
  pattern: /await (?:clock\.sleep\((?:formerLifeMs|Math\.max\(0, remainingMs\))[^;]*|this\.#untilExpired\(permit\)|this\.#settled\(\));/g,
  change: ([found]) => ({ what: `without '${found}'`, text: '' }),
};

const tokenChecks: Form = {
  files: ['lib/lease/control.ts'],
  pattern: /\.\.\.hasToken\(token\),?|expects: hasToken\(token\)|await this\.checkToken\(book, token\)|^ {2}assertToken\(lease, token\);/gm,
  change([found]) {
    if (found.startsWith('await')) return { what: 'without looking whether the token is still the newest', text: 'await this.read(book)' };
    if (found.startsWith('expects')) return { what: 'without the condition on the token', text: 'expects: []' };
    if (found.includes('assertToken')) return { what: 'taking any lease that it is shown for its own', text: '' };
    return { what: 'without the condition on the token', text: '' };
  },
};

/** Which Region rotates, which version is current, and what a revocation waits for. */
const rotationFences: Form = {
  files: ['lib/key-rotation/rotation.ts'],
  pattern: /await seenHere\(\)|^ {4}if \((?:home !== rotation\.region|!seen\.isPrimary)\)|^ {6}if \((?:seen\.current !== version\) return|proof === null\) throw)|^ {6}checkGrace\(revocation\);|^ {6}if \(revocation\.withoutGrace === undefined\) checkUnused/gm,
  change([found]) {
    const start = /^\s*/.exec(found)![0];
    const said = found.trim();
    if (said.startsWith('await')) return { what: 'without looking again whether it is still home', text: 'await secret.see()' };
    if (said.startsWith('checkGrace')) return { what: 'without the grace', text: '' };
    return { what: `never '${said}'`, text: `${start}${said.replace(/^if \((.*?)\)(?= return| throw| checkUnused|$)/, 'if (Math.abs(0) > 0 && ($1))')}` };
  },
};

export function generated(): readonly Mutant[] {
  const seen = new Map<string, number>();
  return [conjuncts, expressions, protocolWaits, traderWaits, tokenChecks, rotationFences].flatMap(({ files, pattern, change }) =>
    files.flatMap((file) => {
      const source = sourceOf(file);
      return [...source.matchAll(pattern)].map((found): Mutant => {
        const { what, text } = change(found, source.slice(0, found.index));
        // Not by its line: the name lasts while other lines come and go.
        const name = `${file} ${functionAt(source, found.index)}: ${what}`;
        const count = (seen.get(name) ?? 0) + 1;
        seen.set(name, count);
        return { name: count === 1 ? name : `${name}, the ${ordinals[count] ?? `${count}th`}`, file, at: found.index, length: found[0].length, text };
      });
    }));
}

const ordinals: Readonly<Record<number, string>> = { 2: 'second', 3: 'third', 4: 'fourth', 5: 'fifth' };

/** The name of the function or method that a place is in. */
function functionAt(source: string, at: number): string {
  const before = [...source.slice(0, at).matchAll(/^(?:export )?function (\w+)|^ {2}(?:async )?(#?\w+)\((?!.*;$)|^ {2}(?:async )?function (\w+)|^ {4}async (\w+)\(.*\{$/gm)].at(-1);
  return before?.slice(1).find((name) => name !== undefined) ?? 'the module';
}
