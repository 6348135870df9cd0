/**
 * The write-ahead journal of a book, in a strongly consistent table of every Region it could trade from.
 *
 * An order's intent is durable before the order leaves, its outcome after. So whoever trades the book next finds every
 * order that may have reached the venue, and asks the venue about those whose outcome nobody wrote.
 *
 * Keys: `book`, and `entry` = `<epoch, 10 digits>#<sequence, 14 digits>`. One item more: `entry` = `mark` says below which
 * entry everything has an outcome, so that a takeover reads the newest few entries and not the history of the book. Whoever prunes
 * the journal prunes below what the databases of *both* Regions say that they have (ledger.ts), never below `mark`: what lies between
 * may be nowhere else.
 */
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  ReplicatedWriteConflictException,
  UpdateItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import type { BookName, Epoch } from '../lease/model.ts';
import type { Side } from '../venues/venue.ts';
import { clientOrderId, type OrderAuthor } from './client-order-id.ts';
import type { TradingResult } from './result.ts';

/** What an order was meant to be. Decimal strings, as they go to the venue. */
export interface OrderIntent {
  readonly symbol: string;
  readonly side: Side;
  readonly price: string;
  readonly quantity: string;
}

/**
 * What became of sending it. `expired`: refused for its time window, or not at the venue after it. `never-sent`: it did not leave
 * this process. Neither of the two, nor a rejected one, can appear at the venue later.
 */
export type OutcomeStatus = 'accepted' | 'rejected' | 'expired' | 'never-sent';
export interface Outcome {
  readonly status: OutcomeStatus;
  readonly venueOrderId?: string;
  /** The venue's code or a word, for people. */
  readonly reason?: string;
  /** Of an accepted order, from its sending until that was known; absent where a later holder found out. */
  readonly latencyMs?: number;
}

export interface JournalEntry extends OrderAuthor {
  readonly clientOrderId: string;
  readonly intent: OrderIntent;
  readonly outcome?: Outcome;
  /** When its intent was written, by the clock of whoever sent it: for people, and to say how much of a ledger is missing. */
  readonly sentAtMs?: number;
}

/** Where the writer stood: every entry below (epoch, sequence) has an outcome. */
export interface JournalMark {
  readonly epoch: Epoch;
  readonly sequence: number;
  /** The position as the writer counted it, decimal, and which executions are in it: text of counted-executions.ts. */
  readonly position?: { readonly quantity: string; readonly counted: string };
  /** What the book's executions have earned, with the same ones. */
  readonly result?: TradingResult;
}

/** Every entry below it is in the ledger. */
export type LedgerMark = Pick<JournalMark, 'epoch' | 'sequence'>;

export interface OpenIntents {
  readonly intents: readonly JournalEntry[];
  readonly mark?: JournalMark;
}

export class DuplicateIntentError extends Error {
  constructor(id: string) {
    super(
      `the journal already has order ${id}: one (epoch, sequence) was used twice; it was not sent. ` +
        'Stop this trader and look for a second one',
    );
    this.name = 'DuplicateIntentError';
  }
}

/** A takeover reads this many pages at most, newest first; a mark is written long before. */
const pagesAtMost = 20;
const pageSize = 200;
const conflictRetriesAtMost = 5;
/** Sorts after every entry, for those begin with a digit. */
const markEntry = 'mark';

export class Journal {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  readonly #writer: { readonly id: string; readonly nowMs: () => number } | undefined;
  #writes = 0;

  /** `writer` is needed to write intents: an id unique to this life of this process tells a repeated write from a second writer. */
  constructor({ client, tableName, writer }: {
    readonly client: DynamoDBClient; readonly tableName: string; readonly writer?: { readonly id: string; readonly nowMs: () => number };
  }) {
    this.#client = client;
    this.#tableName = tableName;
    this.#writer = writer;
  }

  /** Must have resolved before the order is sent. Throws DuplicateIntentError for a sequence used before. */
  async writeIntent(author: OrderAuthor, intent: OrderIntent): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) throw new Error('this journal was opened for reading: give it a writer to write intents');
    const id = clientOrderId(author);
    this.#writes += 1;
    const writtenBy = { S: `${writer.id}/${this.#writes}` };
    const sentAtMs = { N: String(writer.nowMs()) };
    try {
      await this.#retryingConflicts(() =>
        this.#client.send(
          new PutItemCommand({
            TableName: this.#tableName,
            Item: { ...key(author), clientOrderId: { S: id }, intent: map(intent), writtenBy, sentAtMs },
            // The SDK repeats a write whose answer was lost: to find that very write there is no second use. One that comes
            // later still, when the outcome is known, must not wipe it out.
            ConditionExpression: 'attribute_not_exists(book) OR (writtenBy = :writtenBy AND attribute_not_exists(outcome))',
            ExpressionAttributeValues: { ':writtenBy': writtenBy },
          }),
        ),
      );
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) throw new DuplicateIntentError(id);
      throw error;
    }
  }

  /** The first outcome stays; to write one again does nothing. */
  async writeOutcome(author: OrderAuthor, outcome: Outcome): Promise<void> {
    try {
      await this.#retryingConflicts(() =>
        this.#client.send(
          new UpdateItemCommand({
            TableName: this.#tableName,
            Key: key(author),
            UpdateExpression: 'SET #outcome = :outcome',
            ConditionExpression: 'attribute_exists(book) AND attribute_not_exists(#outcome)',
            ExpressionAttributeNames: { '#outcome': 'outcome' },
            ExpressionAttributeValues: { ':outcome': map(outcome) },
          }),
        ),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  /** Raises the mark; a mark that is already there or beyond stays, so a paused writer cannot lower it. */
  async writeMark(book: BookName, mark: JournalMark): Promise<void> {
    const below = entryKey(mark.epoch, mark.sequence);
    try {
      await this.#retryingConflicts(() =>
        this.#client.send(
          new PutItemCommand({
            TableName: this.#tableName,
            Item: {
              book: { S: book },
              entry: { S: markEntry },
              below: { S: below },
              ...(mark.position && { position: map(mark.position) }),
              ...(mark.result && { result: map(mark.result) }),
            },
            ConditionExpression: 'attribute_not_exists(book) OR #below <= :below',
            ExpressionAttributeNames: { '#below': 'below' },
            ExpressionAttributeValues: { ':below': { S: below } },
          }),
        ),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  /** Orders that may have reached the venue and whose outcome nobody wrote, oldest first. One read in the usual case. */
  async openIntents(book: BookName): Promise<OpenIntents> {
    const intents: JournalEntry[] = [];
    let mark: JournalMark | undefined;
    let below = '';
    const pages = this.#pages({
      KeyConditionExpression: 'book = :book',
      ExpressionAttributeValues: { ':book': { S: book } },
      ScanIndexForward: false,
    });
    for await (const items of pages) {
      for (const item of items) {
        if (text(item, 'entry') === markEntry) {
          mark = readMark(item);
          below = text(item, 'below');
        } else if (text(item, 'entry') < below) {
          return { intents: intents.reverse(), ...(mark && { mark }) };
        } else {
          const entry = readEntry(item);
          if (entry.outcome === undefined) intents.push(entry);
        }
      }
    }
    return { intents: intents.reverse(), ...(mark && { mark }) };
  }

  /** Those of an epoch's newest entries that the venue accepted, newest first: the proof that it trades. One read. */
  async newestAccepted(book: BookName, epoch: Epoch, { among }: { readonly among: number }): Promise<readonly JournalEntry[]> {
    const pages = this.#pages({
      KeyConditionExpression: 'book = :book AND begins_with(entry, :epoch)',
      ExpressionAttributeValues: { ':book': { S: book }, ':epoch': { S: epochPrefix(epoch) } },
      ScanIndexForward: false,
      Limit: among,
    });
    const newest = (await pages.next()).value ?? [];
    return newest.map(readEntry).filter(({ outcome }) => outcome?.status === 'accepted');
  }

  /** Undefined before the first one of a book. */
  async mark(book: BookName): Promise<JournalMark | undefined> {
    const pages = this.#pages({
      KeyConditionExpression: 'book = :book AND entry = :entry',
      ExpressionAttributeValues: { ':book': { S: book }, ':entry': { S: markEntry } },
    });
    for await (const [item] of pages) {
      if (item !== undefined) return readMark(item);
    }
    return undefined;
  }

  /** Entries from one mark, or the first, up to below another, oldest first, a page at a time however many there are. */
  async *entries(book: BookName, from: LedgerMark | undefined, below: LedgerMark): AsyncGenerator<readonly JournalEntry[]> {
    const first = entryKey(from?.epoch ?? (0 as Epoch), from?.sequence ?? 0);
    const end = entryKey(below.epoch, below.sequence);
    if (first >= end) return;
    const pages = this.#pages(
      {
        KeyConditionExpression: 'book = :book AND entry BETWEEN :first AND :end',
        ExpressionAttributeValues: { ':book': { S: book }, ':first': { S: first }, ':end': { S: end } },
      },
      { atMost: Infinity },
    );
    for await (const items of pages) yield items.filter((item) => text(item, 'entry') !== end).map(readEntry);
  }

  async *#pages(
    query: {
      KeyConditionExpression: string;
      ExpressionAttributeValues: Record<string, AttributeValue>;
      ScanIndexForward?: boolean;
      Limit?: number;
    },
    { atMost = pagesAtMost } = {},
  ): AsyncGenerator<readonly Item[], undefined> {
    let from: Item | undefined;
    for (let page = 0; page < atMost; page++) {
      const answer = await this.#client.send(
        new QueryCommand({
          TableName: this.#tableName,
          ConsistentRead: true,
          Limit: pageSize,
          ...query,
          ...(from && { ExclusiveStartKey: from }),
        }),
      );
      yield answer.Items ?? [];
      from = answer.LastEvaluatedKey;
      if (from === undefined) return undefined;
    }
    throw new Error(
      `the journal has more than ${pagesAtMost * pageSize} entries above its mark: no mark was written for long. ` +
        `Look at the trader's log for failed marks; resolve the open intents by hand before trading`,
    );
  }

  /** Another Region wrote the same item at this moment: nothing was applied, so to write again is safe. */
  async #retryingConflicts(write: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await write();
        return;
      } catch (error) {
        if (!(error instanceof ReplicatedWriteConflictException) || attempt >= conflictRetriesAtMost) throw error;
      }
    }
  }
}

type Item = Record<string, AttributeValue>;

const epochPrefix = (epoch: Epoch) => `${String(epoch).padStart(10, '0')}#`;
const entryKey = (epoch: Epoch, sequence: number) => epochPrefix(epoch) + String(sequence).padStart(14, '0');
/** The `entry` of an order: padded, so that text compares as the orders were made. */
export const entryName = ({ epoch, sequence }: Pick<OrderAuthor, 'epoch' | 'sequence'>): string => entryKey(epoch, sequence);
const key = ({ book, epoch, sequence }: OrderAuthor): Item => ({ book: { S: book }, entry: { S: entryKey(epoch, sequence) } });

function map(value: object): AttributeValue {
  const present = Object.entries(value as Record<string, string | number | undefined>).filter(([, each]) => each !== undefined);
  return { M: Object.fromEntries(present.map(([name, each]) => [name, { S: String(each) }])) };
}

function unmap(value: AttributeValue | undefined): Record<string, string> | undefined {
  if (value?.M === undefined) return undefined;
  return Object.fromEntries(Object.entries(value.M).map(([name, each]) => [name, each.S ?? '']));
}

function text(item: Item, name: string): string {
  const found = item[name]?.S;
  if (found === undefined) throw new Error(`journal item ${JSON.stringify(item['entry'])} has no text '${name}'`);
  return found;
}

function readAuthor(book: string, entry: string): OrderAuthor {
  const [epoch, sequence] = entry.split('#');
  return { book: book as BookName, epoch: Number(epoch) as Epoch, sequence: Number(sequence) };
}

function readEntry(item: Item): JournalEntry {
  const intent = unmap(item['intent']) as OrderIntent | undefined;
  if (intent === undefined) throw new Error(`journal item ${text(item, 'entry')} has no intent`);
  const outcome = readOutcome(unmap(item['outcome']));
  return {
    ...readAuthor(text(item, 'book'), text(item, 'entry')),
    clientOrderId: text(item, 'clientOrderId'),
    intent,
    ...(outcome && { outcome }),
    ...(item['sentAtMs']?.N !== undefined && { sentAtMs: Number(item['sentAtMs'].N) }),
  };
}

function readOutcome(outcome: Record<string, string> | undefined): Outcome | undefined {
  if (outcome?.['latencyMs'] === undefined) return outcome as Outcome | undefined;
  return { ...outcome, latencyMs: Number(outcome['latencyMs']) } as Outcome;
}

function readMark(item: Item): JournalMark {
  const { epoch, sequence } = readAuthor(text(item, 'book'), text(item, 'below'));
  const position = unmap(item['position']) as JournalMark['position'];
  const result = unmap(item['result']) as JournalMark['result'];
  // An image from before executions were counted by their ids left none: its position says nothing.
  return { epoch, sequence, ...(position?.counted !== undefined && { position }), ...(result && { result }) };
}
