import { test } from 'vitest';
import { canaryStory, losesThenHealthy } from './canary.ts';
import { expectHeldBesideOthers } from './ending.ts';

test(canaryStory, () => expectHeldBesideOthers(canaryStory, losesThenHealthy()), 400_000);
