/**
 * Synthesizes an environment for its price alone: the work tree as it stands, or the tree of a revision beside it. Either is
 * run as its own program, so that the other revision's rules are its own; the validations are left to whoever deploys.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { type PricedStack, pricedStack } from './stacks.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** There are no templates to price; the message says why. */
export class SynthesisError extends Error {
  override readonly name = 'SynthesisError';
}

/** @param revision of this repository, as git names it; the work tree when absent */
export async function synthesize(environment: string, revision?: string): Promise<PricedStack[]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'baton-cost-'));
  try {
    const tree = revision === undefined ? root : await treeOf(revision, directory);
    const output = path.join(directory, 'cdk.out');
    const variables = { BATON_ENV: environment, CDK_OUTDIR: output, CDK_VALIDATION: 'false' };
    await run(process.execPath, [path.join(tree, 'bin', 'baton.ts')], tree, `'${environment}' of ${revision ?? 'the work tree'} does not synthesize`, variables);
    return readStacks(output);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** @param directory that a synthesis wrote */
export function readStacks(directory: string): PricedStack[] {
  if (!existsSync(path.join(directory, 'manifest.json'))) throw new SynthesisError(`'${directory}' holds no cloud assembly: name the directory that \`cdk synth\` wrote, such as cdk.out.`);
  return new CloudAssembly(directory).stacks.map(({ stackName, environment, template }) => pricedStack(stackName, environment.region, template));
}

/** The files of a revision, with the packages of this tree. */
async function treeOf(revision: string, directory: string): Promise<string> {
  const tree = path.join(directory, 'tree');
  const archive = path.join(directory, 'tree.tar');
  await mkdir(tree);
  await run('git', ['archive', '--format=tar', `--output=${archive}`, revision, '--'], root, `git has no revision '${revision}'`);
  await run('tar', ['-xf', archive, '-C', tree], root, `the files of '${revision}' cannot be unpacked`);
  if (!existsSync(path.join(tree, 'bin', 'baton.ts'))) throw new SynthesisError(`'${revision}' has no bin/baton.ts: choose a revision that has.`);
  await symlink(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  return tree;
}

async function run(command: string, given: readonly string[], cwd: string, wrong: string, variables: Record<string, string> = {}): Promise<void> {
  const child = spawn(command, given, { cwd, env: { ...process.env, ...variables }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new SynthesisError(`${wrong}:\n${Buffer.concat(said).toString().trim()}`);
}
