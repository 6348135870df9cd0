import { test } from 'vitest';
import { canaryStory, losesThenHealthy } from './canary.ts';
import { expectHeldBesideOthers } from './ending.ts';

test(canaryStory, async () => expectHeldBesideOthers(canaryStory, await losesThenHealthy()), 400_000);
