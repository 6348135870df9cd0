import { areKept } from './scenarios.ts';

areKept('a canary that loses, then a healthy one');
