/**
 * How names are compared with the patterns of a policy: `*` and `?` in actions, ARNs and texts, and policy variables.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */

/** The keys of a request, in lower case: their names know no case. */
export type Context = ReadonlyMap<string, readonly string[]>;

/** A pattern with its variables filled in; undefined when one of them has no value, for then nothing matches. */
export type Pattern = ReadonlyArray<{ readonly literal: string } | { readonly wildcard: '*' | '?' }>;

/** `*` is any text, the empty one too; `?` is one character. */
export function compile(pattern: string, context: Context | undefined): Pattern | undefined {
  const parts: Array<{ literal: string } | { wildcard: '*' | '?' }> = [];
  for (const [piece, variable] of pattern.matchAll(/\$\{([^{}]*)\}|[*?]|[^*?$]+|\$/g)) {
    if (piece === '*' || piece === '?') parts.push({ wildcard: piece });
    else if (variable === undefined || context === undefined) parts.push({ literal: piece });
    else {
      const value = valueOf(variable, context);
      if (value === undefined) return undefined;
      // What a variable brings is text, whatever it looks like.
      parts.push({ literal: value });
    }
  }
  return parts;
}

/** `${aws:username}`, `${aws:username, 'nobody'}`, and `${*}`, `${?}`, `${$}` for the characters themselves. */
function valueOf(variable: string, context: Context): string | undefined {
  if (['*', '?', '$'].includes(variable)) return variable;
  const [, key = '', fallback] = /^\s*([^,]+?)\s*(?:,\s*'([^']*)'\s*)?$/.exec(variable) ?? [];
  const values = context.get(key.toLowerCase());
  return values?.length === 1 ? values[0] : fallback;
}

export function textMatches(pattern: Pattern, text: string, { ignoreCase = false } = {}): boolean {
  const source = pattern.map((part) => ('literal' in part ? escape(part.literal) : part.wildcard === '*' ? '.*' : '.')).join('');
  return new RegExp(`^${source}$`, ignoreCase ? 'isu' : 'su').test(text);
}

/** Without wildcards: for operators that know none. */
export function textOf(pattern: Pattern): string {
  return pattern.map((part) => ('literal' in part ? part.literal : part.wildcard)).join('');
}

/** In `Resource`: a wildcard stays within its part between two colons, unless it is a `*` that ends the part. */
export function resourceMatches(pattern: string, arn: string, context: Context | undefined): boolean {
  const compiled = compile(pattern, context);
  if (compiled === undefined) return false;
  const source = compiled.map((part, index) => {
    if ('literal' in part) return escape(part.literal);
    if (part.wildcard === '?') return '[^:]';
    const next = compiled[index + 1];
    return next === undefined || ('literal' in next && next.literal.startsWith(':')) ? '.*' : '[^:]*';
  });
  return new RegExp(`^${source.join('')}$`, 'su').test(arn);
}

/** In `ArnLike` and `ArnEquals`: each of the six parts for itself, of which the last may hold colons. */
export function arnMatches(pattern: string, arn: string, context: Context | undefined): boolean {
  const [patternParts, parts] = [sixParts(pattern), sixParts(arn)];
  return patternParts.length === parts.length && patternParts.every((part, index) => {
    const compiled = compile(part, context);
    return compiled !== undefined && textMatches(compiled, parts[index] ?? '');
  });
}

/** Split at colons, but not at those of a variable. */
function sixParts(arn: string): readonly string[] {
  const parts = arn.match(/(?:\$\{[^{}]*\}|[^:])*(?::|$)/g) ?? [];
  const first = parts.slice(0, 5).map((part) => part.replace(/:$/, ''));
  return parts.length > 5 ? [...first, parts.slice(5).join('')] : first;
}

export function actionMatches(pattern: string, action: string): boolean {
  return textMatches(compile(pattern, undefined) ?? [], action, { ignoreCase: true });
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
