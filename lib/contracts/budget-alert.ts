/** Who is told of the bill: each threshold once a month, however often AWS says it, with what rose and what to do. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

/** How bad it is: a page, a message that somebody reads today, a line for whoever plans. */
export const severities = ['P1', 'P2', 'P3'] as const;
export type Severity = (typeof severities)[number];

/** Of all that the account costs: the one that is acted on. Others are of a tag, and have more behind this. */
export const wholeBudgetName = (environment: string): string => `baton-${environment}`;

export const channelNames = ['pagerduty', 'slack', 'email'] as const;
export type ChannelName = (typeof channelNames)[number];

export const budgetAlert = functionContract({
  name: 'budget-alert',
  purpose: 'Tells people of the bill: each threshold once, with what rose and what to do',
  errorImpact: 'Nobody is told by this function what the month costs; what it was given goes on by e-mail as it came.',
  runbook: 'docs/runbooks/cost.md',
  timeoutSeconds: 60,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    BATON_NOTICES_TABLE: z.string(),
    /** Of the e-mails. */
    BATON_NOTICES_TOPIC: z.string(),
    /** Where Slack and PagerDuty are reached: a secret, for whoever knows it can write there. */
    BATON_CHANNELS_SECRET: z.string(),
    /** The channels that this environment has, comma-separated. */
    BATON_CHANNELS: z.string(),
    /** The keys of the tags that a bill is split by, comma-separated. */
    BATON_TAGS: z.string(),
    /** What acts at 100 %. */
    BATON_RESPONSE_MACHINE: z.optional(z.string()),
  }),
  steps: {
    tell: {
      input: z.object({
        /** As AWS wrote it. */
        message: z.string(),
        subject: z.optional(z.string()),
        /** By SNS; its own name for what it delivers, the same at each delivery. */
        messageId: z.string(),
        publishedAt: z.string(),
      }),
      output: z.object({
        notice: z.string(),
        severity: z.enum(severities),
        /** `already`: somebody was told before. `nobody`: the environment has no channel. */
        told: z.enum([...channelNames, 'already', 'nobody']),
        /** Why a channel was passed over. */
        down: z.array(z.string()),
      }),
      errors: { ChannelsDownError: 'retry', BeingToldError: 'retry' },
    },
  },
});
