/** What was deployed in a Region: each stack whole and protected. */
import { DescribeStacksCommand, GetStackPolicyCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { isDeepStrictEqual } from 'node:util';
import { stackNames, stackNamesOfFirst } from '../contracts/stack-names.ts';
import { stackPolicy } from '../constructs/stack-policy.ts';
import type { Settings } from '../settings/index.ts';
import { type Check, couldNot, failed, type Finding, ok, unlessMissing } from './check.ts';
import type { Clients } from './clients.ts';

export const notYet = (what: string): Finding => couldNot(`${what} is not deployed yet`, 'Deploy first (docs/deploy.md), then run this again.');
const policyCommand = (name: string, region: string): string =>
  `aws cloudformation set-stack-policy --region ${region} --stack-name ${name} --stack-policy-body file://cdk.out/stack-policy.json`;

export function stackChecks({ environment, regions }: Settings, { stacks, region }: Clients): readonly Check[] {
  return (region === regions.first.name ? stackNamesOfFirst : stackNames).flatMap((short) => {
    const name = `baton-${environment}-${short}`;
    const about = (what: string, judge: (stack: Stack) => Finding | Promise<Finding>): Check => ({
      area: 'stacks',
      name: `${name} in ${region} ${what}`,
      async run() {
        const answer = await unlessMissing(stacks.send(new DescribeStacksCommand({ StackName: name })));
        const stack = answer?.Stacks?.[0];
        return stack === undefined ? notYet(`${name} in ${region}`) : judge(stack);
      },
    });
    return [
      about('is complete', ({ StackStatus = 'unknown', StackStatusReason }) => {
        if (/^(CREATE|UPDATE)_COMPLETE$/.test(StackStatus)) return ok(StackStatus);
        if (StackStatus.endsWith('_IN_PROGRESS')) return couldNot(StackStatus, 'Wait until it has ended, then run this again.');
        return failed(`${StackStatus} ${StackStatusReason ?? ''}`.trim(), "Read the stack's events, correct the cause, deploy again.");
      }),
      about('is protected from termination', ({ EnableTerminationProtection: isProtected }) =>
        isProtected === true
          ? ok('on')
          : failed('off', `aws cloudformation update-termination-protection --enable-termination-protection --region ${region} --stack-name ${name}`),
      ),
      about('denies the replacement and deletion of what traders stand on', async () => {
        const { StackPolicyBody: body } = await stacks.send(new GetStackPolicyCommand({ StackName: name }));
        if (body === undefined || body === '') return failed('no stack policy', policyCommand(name, region));
        return isDeepStrictEqual(JSON.parse(body), stackPolicy) ? ok('the policy of this version') : failed('another policy', policyCommand(name, region));
      }),
    ];
  });
}
