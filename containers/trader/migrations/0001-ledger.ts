/** The ledger's first form: orders, their fills, and the position of each book. */
import type { MigrationBuilder } from 'node-pg-migrate';

export function up(pgm: MigrationBuilder): void {
  pgm.sql(`
    CREATE TABLE orders (
      client_order_id text PRIMARY KEY,
      book text NOT NULL,
      epoch bigint NOT NULL,
      sequence bigint NOT NULL,
      symbol text NOT NULL,
      side text NOT NULL CHECK (side IN ('buy', 'sell')),
      price numeric NOT NULL,
      quantity numeric NOT NULL,
      state text NOT NULL CHECK (state IN ('PENDING', 'SUBMITTED', 'FILLED', 'SETTLED', 'REJECTED', 'CANCELLED', 'EXPIRED')),
      venue_order_id text,
      reason text,
      written_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (book, epoch, sequence)
    );
    CREATE TABLE fills (
      execution_id text PRIMARY KEY,
      client_order_id text NOT NULL,
      venue_order_id text NOT NULL,
      book text NOT NULL,
      symbol text NOT NULL,
      side text NOT NULL CHECK (side IN ('buy', 'sell')),
      price numeric NOT NULL,
      quantity numeric NOT NULL,
      fee numeric NOT NULL,
      fee_currency text NOT NULL,
      executed_at timestamptz NOT NULL
    );
    CREATE INDEX fills_by_order ON fills (client_order_id);
    CREATE INDEX fills_by_time ON fills (book, executed_at);
    CREATE TABLE positions (
      book text PRIMARY KEY,
      symbol text NOT NULL,
      quantity numeric NOT NULL,
      epoch bigint NOT NULL,
      written_at timestamptz NOT NULL DEFAULT now()
    );
  `);
}

export function down(pgm: MigrationBuilder): void {
  pgm.sql('DROP TABLE positions; DROP TABLE fills; DROP TABLE orders;');
}
