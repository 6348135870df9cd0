/**
 * Below which order of a book everything is in this very database. It stands beside the rows that it speaks of, so that a replica that is promoted,
 * or a restored backup, says what that one has, whatever the database before it had.
 */
import type { MigrationBuilder } from 'node-pg-migrate';

export function up(pgm: MigrationBuilder): void {
  pgm.sql(`
    CREATE TABLE ledger_marks (
      book text PRIMARY KEY,
      epoch bigint NOT NULL,
      sequence bigint NOT NULL,
      written_at timestamptz NOT NULL DEFAULT now()
    );
  `);
}

export function down(pgm: MigrationBuilder): void {
  pgm.sql('DROP TABLE ledger_marks;');
}
