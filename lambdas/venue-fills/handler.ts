/** venue-fills: asks the venue what was filled before a backup was made. Contract: lib/contracts/verification.ts, `venueFills`. */
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { venueFills } from '../../lib/contracts/verification.ts';
import { readJson } from '../../lib/stored-secrets.ts';
import { fillsOf } from '../../lib/venues/bybit-fills.ts';
import { Evidence } from '../../lib/verification/evidence.ts';
import { venueFillsSteps } from '../../lib/verification/venue-fills-steps.ts';
import { serve } from '../serve.ts';

const secrets = new SecretsManagerClient({});
const buckets = new S3Client({});
/** 2,000 fills of each book: the newest before the backup. */
const pagesAtMost = 20;

export const handler = serve(venueFills, process.env, ({ BATON_BOOKS: books, BATON_EVIDENCE_BUCKET: bucket }) =>
  venueFillsSteps({
    books: Object.keys(books),
    evidence: new Evidence(buckets, bucket),
    fills: async (book, fromMs, untilMs) => {
      const of = books[book];
      if (of === undefined) throw new Error(`no book ${book} here`);
      const { apiKey, secret } = await readJson(secrets, of.secretArn, ['apiKey', 'secret']);
      return fillsOf({ url: process.env[of.urlVariable] ?? '', symbol: of.symbol, apiKey, secret, fromMs, untilMs, pagesAtMost, nowMs: Date.now, fetch });
    },
  }));
