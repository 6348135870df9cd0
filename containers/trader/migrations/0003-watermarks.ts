/**
 * By what a restored backup is told from the ledger that it was made of. `inserted_by` is the transaction that brought a row; no update moves it. So
 * which rows there were at the moment of a watermark can still be told from a copy that was made later, in which other rows have come and
 * these have changed. `watermarks` holds what was counted then (lib/verification/watermark.ts); the same stands in S3.
 */
import type { MigrationBuilder } from 'node-pg-migrate';

export function up(pgm: MigrationBuilder): void {
  pgm.sql(`
    ALTER TABLE orders ADD COLUMN inserted_by xid8 NOT NULL DEFAULT pg_current_xact_id();
    ALTER TABLE fills ADD COLUMN inserted_by xid8 NOT NULL DEFAULT pg_current_xact_id();
    CREATE TABLE watermarks (
      id uuid PRIMARY KEY,
      made_at timestamptz NOT NULL,
      content jsonb NOT NULL
    );
  `);
}

export function down(pgm: MigrationBuilder): void {
  pgm.sql('DROP TABLE watermarks; ALTER TABLE fills DROP COLUMN inserted_by; ALTER TABLE orders DROP COLUMN inserted_by;');
}
