/** A handler's bundle as the code of a CDK function. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Stage } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { bundles } from './handler-bundles.ts';

/** @param name the folder in lambdas/ */
export function bundleOf(scope: Construct, name: string): lambda.Code {
  const bundle = bundles().get(name);
  if (bundle === undefined) {
    const seen = [...bundles().keys()].join(', ') || 'none';
    throw new Error(`There is no handler lambdas/${name}/handler.ts. Seen: ${seen}. Add it, or correct the name.`);
  }
  // Beside the assembly, not in a place shared by two syntheses at once.
  const directory = path.join(assemblyDirectory(scope), '.bundles', name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'index.js'), bundle);
  return lambda.Code.fromAsset(directory);
}

function assemblyDirectory(scope: Construct): string {
  const stage = Stage.of(scope);
  if (stage === undefined) throw new Error(`${scope.node.path} is in no app, so its bundle has no place. Create it below an App.`);
  return stage.outdir;
}
