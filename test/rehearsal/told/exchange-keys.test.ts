import { areKept } from './scenarios.ts';

areKept('a key that is rotated by a function that dies on the way', 'a key that is revoked at once');
