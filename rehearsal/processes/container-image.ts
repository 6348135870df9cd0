/**
 * Makes of a Dockerfile what `docker build` would, as far as ours go, without a container engine: the build stage's
 * bundling runs here, the final stage's file tree is assembled in a read-only directory, and its entry point starts
 * from there. So what is shipped is what ran. An instruction that is not understood is an error, never ignored.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { promisify } from 'node:util';

export interface BuiltImage {
  /** Of the tree and of how it starts: the same content has the same digest. */
  readonly digest: `sha256:${string}`;
  /** The directory that stands for `/`. */
  readonly root: string;
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
  /** As in the image: an absolute path within it. */
  readonly workingDirectory: string;
}

export interface BuildOptions {
  readonly dockerfile: string;
  /** The build context. */
  readonly context: string;
  /** Gets the tree, under the digest's name. */
  readonly directory: string;
  /** As `docker build --label`: another label is another image. */
  readonly labels?: Readonly<Record<string, string>>;
}

export class DockerfileError extends Error {
  constructor(dockerfile: string, line: number, problem: string) {
    super(`${dockerfile}:${line}: ${problem}`);
    this.name = 'DockerfileError';
  }
}

interface Instruction {
  readonly line: number;
  readonly keyword: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly rest: string;
}
interface Stage {
  readonly name: string;
  readonly instructions: readonly Instruction[];
}
export interface FinalStage {
  readonly copies: ReadonlyArray<{ readonly line: number; readonly from: string; readonly source: string; readonly target: string }>;
  readonly environment: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly workingDirectory: string;
  readonly entrypoint: readonly string[];
}
/** A build stage's `RUN node containers/build.ts <name> <output>`. */
export interface BundleStep {
  readonly stage: string;
  readonly args: readonly string[];
  readonly output: string;
}

/** They change nothing of what is run. */
const harmless = new Set(['LABEL', 'EXPOSE', 'STOPSIGNAL', 'ARG']);
/** A certificate bundle fetched at build time: the rehearsal's own authority takes its place. */
const certificateBundle = /^https:\/\/\S+\.pem\s/;
const buildBoundMs = 60_000;
const run = promisify(execFile);

export async function buildImage(options: BuildOptions): Promise<BuiltImage> {
  const { final, bundles } = parseDockerfile(await readFile(options.dockerfile, 'utf8'), options.dockerfile);
  const work = join(options.directory, `building-${basename(dirname(options.dockerfile))}-${process.hrtime.bigint()}`);
  const root = join(work, 'root');
  await mkdir(join(root, final.workingDirectory), { recursive: true });
  for (const step of bundles) await bundle(step, work, options.context);
  for (const copy of final.copies) await copyInto(root, copy, bundles, work, options.dockerfile);
  const start = {
    entrypoint: final.entrypoint,
    environment: final.environment,
    user: final.user,
    workingDirectory: final.workingDirectory,
  };
  const tree = await describeTree(root);
  const digest = createHash('sha256')
    .update(JSON.stringify({ ...start, labels: options.labels ?? {}, tree }))
    .digest('hex');
  const kept = join(options.directory, digest);
  // The same image may be built twice at once: whichever comes second finds it there.
  await rename(root, kept).catch(async (error: unknown) => {
    if (!(await stat(kept).catch(() => undefined))) throw error;
  });
  await makeReadOnly(kept);
  await rm(work, { recursive: true, force: true });
  return { digest: `sha256:${digest}`, root: kept, ...start };
}

/** The command with the image's paths and its Node replaced by those of this machine. */
export function commandOutside(image: BuiltImage, command: readonly string[], node: string): [string, ...string[]] {
  const [program, ...args] = command;
  if (program === undefined) throw new Error(`image ${image.digest}: an empty command cannot be started; give at least a program`);
  const outside = (path: string): string => (posix.isAbsolute(path) ? join(image.root, path) : path);
  return [posix.basename(program) === 'node' ? node : outside(program), ...args.map(outside)];
}

export function parseDockerfile(text: string, dockerfile: string): { final: FinalStage; bundles: readonly BundleStep[] } {
  const stages = splitStages(text, dockerfile);
  const last = stages.at(-1);
  if (!last) throw new DockerfileError(dockerfile, 1, 'there is no FROM; begin with the build stage');
  const final = parseFinal(last, dockerfile);
  const used = new Set(final.copies.map((copy) => copy.from));
  const bundles = stages
    .filter((stage) => used.has(stage.name))
    .flatMap((stage) => stage.instructions.flatMap((instruction) => bundleStep(stage.name, instruction)));
  return { final, bundles };
}

function bundleStep(stage: string, { keyword, rest }: Instruction): BundleStep[] {
  const words = rest.split(/\s+/);
  const output = words[3];
  const isBundle = keyword === 'RUN' && words.length === 4 && words[0] === 'node' && words[1] === 'containers/build.ts';
  return isBundle && output !== undefined ? [{ stage, args: words.slice(1, 3), output }] : [];
}

function parseFinal(stage: Stage, dockerfile: string): FinalStage {
  const environment: Record<string, string> = {};
  const copies: Array<FinalStage['copies'][number]> = [];
  let workingDirectory = '/';
  let user: FinalStage['user'] | undefined;
  let entrypoint: readonly string[] | undefined;

  for (const instruction of stage.instructions) {
    const { line, keyword, flags, rest } = instruction;
    const fail = (problem: string): never => {
      throw new DockerfileError(dockerfile, line, problem);
    };
    if (keyword === 'COPY') {
      const [source, target, ...more] = rest.split(/\s+/);
      const from = flags['from'] ?? fail('COPY out of the build context is not rehearsed; copy with --from a build stage');
      if (source === undefined || target === undefined || more.length > 0) fail(`'COPY ${rest}': wanted one source and one target`);
      else copies.push({ line, from, source, target: posix.resolve(workingDirectory, target) + (target.endsWith('/') ? '/' : '') });
    } else if (keyword === 'ENV') {
      Object.assign(environment, parseEnv(rest) ?? fail(`'ENV ${rest}': wanted NAME=value …`));
    } else if (keyword === 'USER') {
      const [, uid, gid] =
        /^(\d+)(?::(\d+))?$/.exec(rest) ?? fail(`'USER ${rest}': wanted numbers, so that the platform can see it is not root`);
      user = { uid: Number(uid), gid: Number(gid ?? uid) };
    } else if (keyword === 'WORKDIR') {
      workingDirectory = posix.resolve(workingDirectory, rest);
    } else if (keyword === 'ENTRYPOINT') {
      entrypoint =
        parseExecForm(rest) ?? fail(`'ENTRYPOINT ${rest}': wanted the exec form, ["program", "argument"]: a shell would swallow SIGTERM`);
    } else if (!harmless.has(keyword) && !(keyword === 'ADD' && certificateBundle.test(`${rest} `))) {
      fail(`'${keyword} ${rest}' in the final stage is not rehearsed; move it to a build stage or teach container-image.ts what it does`);
    }
  }
  const end = stage.instructions.at(-1)?.line ?? 1;
  if (!entrypoint) throw new DockerfileError(dockerfile, end, 'the final stage has no ENTRYPOINT');
  if (!user || user.uid === 0) throw new DockerfileError(dockerfile, end, 'the final stage runs as root; end it with USER and a number');
  return { copies, environment, user, workingDirectory, entrypoint };
}

function splitStages(text: string, dockerfile: string): Stage[] {
  const stages: Array<{ name: string; instructions: Instruction[] }> = [];
  for (const instruction of readInstructions(text, dockerfile)) {
    if (instruction.keyword === 'FROM') {
      const name = /\sAS\s+(\S+)$/i.exec(instruction.rest)?.[1] ?? String(stages.length);
      stages.push({ name, instructions: [] });
    } else if (stages.length > 0) {
      stages.at(-1)?.instructions.push(instruction);
    } else if (instruction.keyword !== 'ARG') {
      throw new DockerfileError(dockerfile, instruction.line, `'${instruction.keyword}' comes before the first FROM`);
    }
  }
  return stages;
}

/** Comments removed, continued lines joined, flags taken apart. */
function* readInstructions(text: string, dockerfile: string): Generator<Instruction> {
  let joined = '';
  let began = 0;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(raw)) continue;
    if (joined === '') began = index + 1;
    joined += raw.replace(/\\\s*$/, ' ');
    if (/\\\s*$/.test(raw)) continue;
    const match = /^\s*([A-Za-z]+)((?:\s+--[a-z]+=\S+)*)\s+(.*?)\s*$/.exec(joined);
    const [, keyword, flags, rest] = match ?? [];
    if (keyword === undefined || rest === undefined) throw new DockerfileError(dockerfile, began, `'${joined.trim()}' is no instruction`);
    const named = [...(flags ?? '').matchAll(/--([a-z]+)=(\S+)/g)].map((flag) => [flag[1] as string, flag[2] as string] as const);
    yield { line: began, keyword: keyword.toUpperCase(), flags: Object.fromEntries(named), rest };
    joined = '';
  }
  if (joined !== '') throw new DockerfileError(dockerfile, began, 'the last line is continued by nothing');
}

function parseEnv(rest: string): Record<string, string> | undefined {
  const pair = /^([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'\\]*)(?:\s+|$)/;
  const found: Record<string, string> = {};
  for (let left = rest; left !== '';) {
    const [whole, name, value] = pair.exec(left) ?? [];
    if (whole === undefined || name === undefined || value === undefined || value.includes('$')) return undefined;
    found[name] = /^["']/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
    left = left.slice(whole.length);
  }
  return found;
}

function parseExecForm(rest: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(rest);
    return Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Where a build step's output is on this machine. */
const outputDirectory = (work: string, step: BundleStep): string => join(work, 'stages', step.stage, step.output);

async function bundle(step: BundleStep, work: string, context: string): Promise<void> {
  const output = outputDirectory(work, step);
  await mkdir(output, { recursive: true });
  try {
    await run(process.execPath, [...step.args, output], { cwd: context, env: { PATH: dirname(process.execPath) }, timeout: buildBoundMs });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`'node ${step.args.join(' ')}' failed: ${stderr?.trim() || String(error)}`, { cause: error });
  }
}

async function copyInto(
  root: string,
  copy: FinalStage['copies'][number],
  bundles: readonly BundleStep[],
  work: string,
  dockerfile: string,
): Promise<void> {
  const step = bundles.find(({ stage, output }) => stage === copy.from && !posix.relative(output, copy.source).startsWith('..'));
  if (!step) {
    const known = "only the output of 'RUN node containers/build.ts NAME DIRECTORY' is";
    throw new DockerfileError(dockerfile, copy.line, `nothing is known to make ${copy.source} in stage '${copy.from}'; ${known}`);
  }
  const source = join(outputDirectory(work, step), posix.relative(step.output, copy.source));
  const found = await stat(source).catch(() => undefined);
  if (!found) throw new DockerfileError(dockerfile, copy.line, `the build did not make ${copy.source}`);
  // As Docker: a directory's content is copied; a file goes into a target that ends with a slash.
  const target = found.isFile() && copy.target.endsWith('/') ? join(copy.target, basename(source)) : copy.target;
  await mkdir(join(root, dirname(target)), { recursive: true });
  await cp(source, resolve(root, `.${target}`), { recursive: true });
}

async function makeReadOnly(path: string): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) {
    for (const entry of await readdir(path)) await makeReadOnly(join(path, entry));
    await chmod(path, 0o555);
  } else {
    await chmod(path, found.mode & 0o111 ? 0o555 : 0o444);
  }
}

async function describeTree(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const lines = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const content = entry.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : 'directory';
    const executable = (await lstat(path)).mode & 0o111 ? 'executable' : 'plain';
    return `${path.slice(root.length)} ${executable} ${content}`;
  });
  return (await Promise.all(lines)).sort();
}
