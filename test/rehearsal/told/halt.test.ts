import { areKept } from './scenarios.ts';

areKept('a halt, and a resume', 'a halt that the holder cannot hear, and a resume');
