/** The function that looks at markets, shortly after the hours at which they close and shortly before those at which they open. */
import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { marketHours } from '../contracts/market-hours.ts';
import { aheadMinutes } from '../cost/market-hours.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';
import type { JudgedStateMachine } from './state-machine.ts';

export interface MarketHoursProps {
  readonly settings: Settings;
  readonly prefix: string;
  /** What stops and starts. */
  readonly response: JudgedStateMachine;
}

/** Every market here opens at a full hour, and closes at one but for a few days of the year. */
const lookMinutes = [5, 60 - aheadMinutes];

export class MarketHours extends Construct {
  readonly function: ContractFunction<typeof marketHours>;

  constructor(scope: Construct, id: string, { settings, prefix, response: { machine } }: MarketHoursProps) {
    super(scope, id);
    this.function = new ContractFunction(this, 'Function', {
      contract: marketHours, prefix, logRetention: retentionOf(settings), environment: { BATON_RESPONSE_MACHINE: machine.stateMachineArn },
    });
    this.function.function.addToRolePolicy(new iam.PolicyStatement({ actions: ['states:StartExecution'], resources: [machine.stateMachineArn] }));
    new events.Rule(this, 'TwiceAnHour', {
      ruleName: `${prefix}-${marketHours.name}`,
      description: 'Looks whether markets have closed or are about to open',
      schedule: events.Schedule.expression(`cron(${lookMinutes.join(',')} * * * ? *)`),
      // The next look does what this one did not.
      targets: [new targets.LambdaFunction(this.function.function, { retryAttempts: 2, maxEventAge: Duration.minutes(15) })],
    });
  }
}
