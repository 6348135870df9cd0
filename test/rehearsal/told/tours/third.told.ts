import { isTold } from './tours.ts';

isTold('third');
