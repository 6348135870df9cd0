/**
 * Builds both images and pushes them to an environment's repositories: `npm run images -- --env production [--dry-run]`.
 * It ends with the digests, ready to paste into a cutover's input. Needs Docker and the AWS CLI, with a login to the account.
 */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { environmentNames, loadSettings } from '../lib/settings/index.ts';
import { containerNames, type ContainerName } from './build.ts';

const capture = promisify(execFile);
const root = join(import.meta.dirname, '..');

interface Target {
  readonly name: ContainerName;
  readonly repository: string;
  readonly image: string;
}

function targetsOf(environment: string, account: string, region: string, tag: string): readonly Target[] {
  const registry = `${account}.dkr.ecr.${region}.amazonaws.com`;
  return containerNames.map((name) => {
    const repository = `baton-${environment}/${name}`;
    return { name, repository, image: `${registry}/${repository}:${tag}` };
  });
}

class ImagesError extends Error {}

async function run(dryRun: boolean, program: string, args: readonly string[], input?: string): Promise<void> {
  process.stdout.write(`${program} ${args.join(' ')}\n`);
  if (dryRun) return;
  const child = spawn(program, args, { cwd: root, stdio: [input === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'] });
  child.stdin?.end(input);
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new ImagesError(`'${program} ${args[0]} …' ended with ${code}: its own message is above.`);
}

async function need(program: string, args: readonly string[], advice: string): Promise<void> {
  try {
    await capture(program, [...args]);
  } catch {
    throw new ImagesError(`'${program} ${args.join(' ')}' does not work here: ${advice}.`);
  }
}

async function main(environment: string, dryRun: boolean): Promise<void> {
  const { account, regions } = loadSettings(environment);
  const region = regions.home.name;
  // Tags are immutable and only for people; what runs is named by digest.
  const { stdout: uncommitted } = await capture('git', ['status', '--porcelain'], { cwd: root });
  if (uncommitted !== '' && !dryRun) {
    throw new ImagesError(`There are uncommitted changes, which no commit's tag may name:\n${uncommitted}Commit or remove them first.`);
  }
  const { stdout } = await capture('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: root });
  const targets = targetsOf(environment, account, region, stdout.trim());
  if (!dryRun) {
    await need('docker', ['version'], 'install Docker, or start its daemon, and try again');
    await need('aws', ['sts', 'get-caller-identity'], `install the AWS CLI and log in to account ${account}`);
    const password = await capture('aws', ['ecr', 'get-login-password', '--region', region]);
    const registry = `${account}.dkr.ecr.${region}.amazonaws.com`;
    await run(false, 'docker', ['login', '--username', 'AWS', '--password-stdin', registry], password.stdout);
  }
  for (const { name, image } of targets) {
    await run(dryRun, 'docker', ['build', '--platform', 'linux/amd64', '--file', `containers/${name}/Dockerfile`, '--tag', image, '.']);
    await run(dryRun, 'docker', ['push', image]);
  }
  if (dryRun) return;
  const images: Partial<Record<ContainerName, string>> = {};
  for (const { name, repository, image } of targets) {
    const tag = `imageTag=${image.slice(image.lastIndexOf(':') + 1)}`;
    const which = ['--region', region, '--repository-name', repository, '--image-ids', tag];
    const what = ['--query', 'imageDetails[0].imageDigest', '--output', 'text'];
    images[name] = (await capture('aws', ['ecr', 'describe-images', ...which, ...what])).stdout.trim();
  }
  process.stdout.write(`\nFor the cutover's input:\n${JSON.stringify({ images }, null, 2)}\n`);
}

if (import.meta.main) {
  const { env, dryRun } = new Command('images')
    .requiredOption('--env <name>', `which environment: ${environmentNames.join(', ')}`)
    .option('--dry-run', 'print the commands, run none', false)
    .parse()
    .opts<{ env: string; dryRun: boolean }>();
  try {
    await main(env, dryRun);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
