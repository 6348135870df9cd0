import { isTold } from './tours.ts';

isTold('first');
