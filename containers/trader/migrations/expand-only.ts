/**
 * Whether SQL only adds to a schema, so that the release which runs meanwhile goes on reading and writing as before. What
 * is not known to be harmless is not: a list of what may be done, none of what may not.
 */

/** What of this SQL is no expansion, in words; none when all of it is. */
export function contractionsIn(sql: string): readonly string[] {
  const created = new Set<string>();
  return statementsOf(sql).flatMap((statement) => {
    const fault = judge(statement, created);
    return fault === undefined ? [] : [`“${shortened(statement)}” ${fault}`];
  });
}

const name = String.raw`(?:[\w."$]+)`;
const newTable = new RegExp(String.raw`^CREATE TABLE (?:IF NOT EXISTS )?(${name}) ?\(`, 'i');
const index = new RegExp(String.raw`^CREATE (UNIQUE )?INDEX (CONCURRENTLY )?.*?\bON (?:ONLY )?(${name})`, 'i');
const alteredTable = new RegExp(String.raw`^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(${name}) (.*)$`, 'i');
const insertion = new RegExp(String.raw`^INSERT INTO (${name})`, 'i');
/** They make something that nobody uses yet. REPLACE and triggers would change what is used. */
const harmless = /^(CREATE (VIEW|MATERIALIZED VIEW|SEQUENCE|TYPE|FUNCTION|SCHEMA) |COMMENT ON |GRANT |ALTER TYPE [\w."$]+ ADD VALUE )/i;
/** Of these alone PostgreSQL does not rewrite the table for its present rows: what is the same throughout a transaction is one value for them all. */
const constantDefault = /\bDEFAULT (NULL|TRUE|FALSE|-?[\d.]+|''|NOW\(\)|CURRENT_TIMESTAMP|PG_CURRENT_XACT_ID\(\))(::[\w ]+)?(?=$| )/i;

function judge(statement: string, created: Set<string>): string | undefined {
  const table = newTable.exec(statement)?.[1];
  if (table !== undefined) {
    created.add(table);
    return undefined;
  }
  const [, unique, concurrently, indexed = ''] = index.exec(statement) ?? [];
  if (indexed !== '') {
    if (created.has(indexed)) return undefined;
    if (unique !== undefined) return 'may refuse rows that the running release writes.';
    return concurrently === undefined ? 'locks the table against the running release: make it CONCURRENTLY.' : undefined;
  }
  const [, altered = '', actions = ''] = alteredTable.exec(statement) ?? [];
  if (altered !== '') {
    if (created.has(altered)) return undefined;
    return splitOutsideBrackets(actions).map(faultOfColumn).find((fault) => fault !== undefined);
  }
  const inserted = insertion.exec(statement)?.[1];
  if (inserted !== undefined && created.has(inserted)) return undefined;
  return harmless.test(statement) ? undefined : 'is not known to leave the running release alone.';
}

function faultOfColumn(action: string): string | undefined {
  if (!/^ADD (COLUMN )?(?!CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN|EXCLUDE)/i.test(action)) return 'does more than add a column.';
  if (/\b(UNIQUE|PRIMARY KEY|REFERENCES|CHECK|GENERATED|SERIAL|BIGSERIAL)\b/i.test(action)) {
    return 'may refuse rows that the running release writes, or locks the table while it looks at them all.';
  }
  const hasDefault = /\bDEFAULT\b/i.test(action);
  if (/\bNOT NULL\b/i.test(action) && !hasDefault) {
    return 'refuses the rows of the running release, which has no value for it: give it a default.';
  }
  return hasDefault && !constantDefault.test(action) ? 'rewrites the whole table for a default that is no constant.' : undefined;
}

/** Without comments, texts emptied, blanks as one: what is left tells what is done. */
function statementsOf(sql: string): readonly string[] {
  const bare = sql.replaceAll(
    /--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'/g,
    (text) => (/^(--|\/\*)/.test(text) ? ' ' : "''"),
  );
  return bare.split(';').map((statement) => statement.replaceAll(/\s+/g, ' ').trim()).filter((statement) => statement !== '');
}

function splitOutsideBrackets(text: string): readonly string[] {
  let depth = 0;
  const parts = [''];
  for (const character of text) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}

function shortened(statement: string): string {
  return statement.length <= 60 ? statement : `${statement.slice(0, 60)}…`;
}
