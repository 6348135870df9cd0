/** What acts on the bill, on the real system: a month's page, then a spent budget whose machine is interrupted. One installation for both. */
import { expect, test } from 'vitest';
import { neverBroken } from '../../rehearsal/report/report.ts';
import { budgetResponse } from '../../rehearsal/scenarios/budget-response.ts';
import { costReport } from '../../rehearsal/scenarios/cost-report.ts';
import { Stage } from '../../rehearsal/stage.ts';
import { installationOf } from './installed.ts';


test('a page with a malicious tag, an hour without a price, and a response that is interrupted half-way and run again', async () => {
  const stage = await Stage.open(await installationOf('staging'));
  try {
    for (const [scenario, faults] of [[costReport, ['malicious-tag', 'price-missing']], [budgetResponse, ['interrupted']]] as const) {
      const { promises } = await scenario.run(stage, new Set<string>(faults));
      expect([...neverBroken(stage.trading()), ...promises].filter(({ held }) => !held), scenario.name).toEqual([]);
    }
    expect(stage.permissions.surprises).toEqual([]);
    expect(await stage.secretsFound()).toEqual([]);
  } finally {
    await stage.close();
  }
}, 540_000);
