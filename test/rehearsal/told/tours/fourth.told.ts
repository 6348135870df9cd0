import { isTold } from './tours.ts';

isTold('fourth');
