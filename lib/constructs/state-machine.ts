/**
 * A state machine that synth has judged (lib/workflows/checks.ts), with its logs, traces and alarms. The
 * machine's own time-out is the objective: what cannot happen in the declared bounds is ended by it, and the
 * last net cleans up.
 */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { checkDefinition, type Findings, type Graph } from '../workflows/checks.ts';
import type { Declarations } from '../workflows/workflow.ts';

export interface JudgedStateMachineProps {
  readonly name: string;
  readonly comment: string;
  readonly start: sfn.IChainable;
  readonly declarations: Declarations;
  /** The errors with which it may end. */
  readonly endings: readonly string[];
  /** The longest that an execution may take. */
  readonly objectiveSeconds: number;
  readonly logRetention: logs.RetentionDays;
  /** What an execution that does not succeed means, as a sentence. */
  readonly failureImpact: string;
  readonly runbook: string;
}

/** Refuses the synthesis: the definition breaks a rule that every machine here keeps. */
export class UnsoundWorkflowError extends Error {
  override readonly name = 'UnsoundWorkflowError';
}

export class JudgedStateMachine extends Construct {
  readonly machine: sfn.StateMachine;
  readonly name: string;
  readonly objectiveSeconds: number;
  readonly alarms: readonly cloudwatch.Alarm[];
  /** What synth found the worst paths to be. */
  readonly worstPathSeconds: number;
  readonly worstPathEvents: number;

  constructor(scope: Construct, id: string, props: JudgedStateMachineProps) {
    super(scope, id);
    this.name = props.name;
    this.objectiveSeconds = props.objectiveSeconds;
    const body = new JudgedBody(props);
    this.machine = new sfn.StateMachine(this, 'Machine', {
      stateMachineName: props.name,
      comment: props.comment,
      definitionBody: body,
      queryLanguage: sfn.QueryLanguage.JSONATA,
      timeout: Duration.seconds(props.objectiveSeconds),
      tracingEnabled: true,
      logs: {
        // No secret ever enters an execution, so its data may be logged: that is what an investigation needs.
        destination: new logs.LogGroup(this, 'Logs', {
          // Step Functions may write to groups below this prefix without another resource policy.
          logGroupName: `/aws/vendedlogs/states/${props.name}`,
          retention: props.logRetention,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: sfn.LogLevel.ALL,
        includeExecutionData: true,
      },
    });
    this.worstPathSeconds = body.findings?.worstPathSeconds ?? 0;
    this.worstPathEvents = body.findings?.worstPathEvents ?? 0;
    this.alarms = [
      this.#alarm('Failed', this.machine.metricFailed({ period: Duration.minutes(1) }), props),
      this.#alarm('TimedOut', this.machine.metricTimedOut({ period: Duration.minutes(1) }), props),
      this.#alarm('Aborted', this.machine.metricAborted({ period: Duration.minutes(1) }), props),
    ];
  }

  #alarm(kind: 'Failed' | 'TimedOut' | 'Aborted', metric: cloudwatch.Metric, props: JudgedStateMachineProps): cloudwatch.Alarm {
    const words = { Failed: 'ended without success', TimedOut: 'ran out of time', Aborted: 'was stopped by somebody' }[kind];
    return metric.createAlarm(this, kind, {
      alarmName: `${props.name}-${kind.toLowerCase()}`,
      alarmDescription: `An execution ${words}. ${props.failureImpact} Runbook: ${props.runbook}`,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}

/** The CDK's own body, judged when it is rendered. */
class JudgedBody extends sfn.ChainDefinitionBody {
  findings?: Findings;
  readonly #props: JudgedStateMachineProps;

  constructor(props: JudgedStateMachineProps) {
    super(props.start);
    this.#props = props;
  }

  override bind(scope: Construct, principal: iam.IPrincipal, machine: sfn.StateMachineProps, graph?: sfn.StateGraph): sfn.DefinitionConfig {
    if (graph === undefined) throw new UnsoundWorkflowError(`${this.#props.name} has no states.`);
    const { declarations, endings, objectiveSeconds, name } = this.#props;
    const definition = graph.toGraphJson(machine.queryLanguage) as Graph;
    this.findings = checkDefinition(definition, { declarations, endings, objectiveSeconds });
    if (this.findings.problems.length > 0) {
      throw new UnsoundWorkflowError(`The state machine ${name} is unsound:\n- ${this.findings.problems.join('\n- ')}`);
    }
    return super.bind(scope, principal, machine, graph);
  }
}
