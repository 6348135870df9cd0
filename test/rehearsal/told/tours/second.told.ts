import { isTold } from './tours.ts';

isTold('second');
