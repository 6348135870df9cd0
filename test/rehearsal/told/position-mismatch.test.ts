import { areKept } from './scenarios.ts';

areKept('coins moved by hand, found at a takeover, and a resume');
