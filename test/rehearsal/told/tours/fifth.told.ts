import { isTold } from './tours.ts';

isTold('fifth');
