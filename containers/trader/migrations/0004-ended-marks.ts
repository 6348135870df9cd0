/**
 * Below which order of a book every one has ended in this very database. Whoever takes the book asks the venue what became of those from
 * there on that rest here, and need not look through all that ever were.
 */
import type { MigrationBuilder } from 'node-pg-migrate';

export function up(pgm: MigrationBuilder): void {
  pgm.sql('ALTER TABLE ledger_marks ADD COLUMN ended_epoch bigint, ADD COLUMN ended_sequence bigint;');
}

export function down(pgm: MigrationBuilder): void {
  pgm.sql('ALTER TABLE ledger_marks DROP COLUMN ended_sequence, DROP COLUMN ended_epoch;');
}
