import { areKept } from './scenarios.ts';

areKept('a rollback to a warm colour, and one to a cold revision');
