/** market-hours: what follows a market is stopped and started with it. Contract: lib/contracts/market-hours.ts. */
import { SFNClient } from '@aws-sdk/client-sfn';
import { marketHours } from '../../lib/contracts/market-hours.ts';
import { marketHoursSteps } from '../../lib/cost/market-hours.ts';
import { beginOnce } from '../begin-once.ts';
import { serve } from '../serve.ts';

const machines = new SFNClient({});

const look = serve(marketHours, process.env, ({ BATON_RESPONSE_MACHINE }) =>
  marketHoursSteps((name, request) => beginOnce(machines, BATON_RESPONSE_MACHINE, name, request)));

/** By the schedule, whose event has the time at which it came. */
export const handler = ({ time }: { readonly time: string }): Promise<unknown> => look({ step: 'look', at: time });
