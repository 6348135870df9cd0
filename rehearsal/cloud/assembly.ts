/**
 * Reads a cloud assembly, the directory that synth writes: its stacks in the order of their dependencies, and
 * where the files lie that their templates name by bucket and key.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { Template } from './template.ts';

export interface AssemblyStack {
  readonly artifactId: string;
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  readonly template: Template;
  readonly terminationProtection: boolean;
  readonly dependencies: readonly string[];
}

export interface Assembly {
  /** Every stack after those it depends on. */
  readonly stacks: readonly AssemblyStack[];
  /** The directory of a file asset by the object key that templates give it, e.g. the code of a Lambda function. */
  assetDirectory(objectKey: string): string;
}

interface Artifact {
  readonly type: string;
  readonly environment?: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly terminationProtection?: boolean;
    readonly file?: string;
  };
  readonly dependencies?: readonly string[];
}
interface AssetManifest {
  readonly files?: Record<
    string,
    { readonly source: { readonly path?: string }; readonly destinations: Record<string, { readonly objectKey: string }> }
  >;
}

export function readAssembly(directory: string): Assembly {
  const manifest = readJson(path.join(directory, 'manifest.json')) as { artifacts?: Record<string, Artifact> };
  const artifacts = Object.entries(manifest.artifacts ?? {});
  const assets = new Map<string, string>();
  const stacks = new Map<string, AssemblyStack>();
  for (const [artifactId, artifact] of artifacts) {
    if (artifact.type === 'cdk:asset-manifest' && artifact.properties?.file) {
      const files = (readJson(path.join(directory, artifact.properties.file)) as AssetManifest).files ?? {};
      for (const { source, destinations } of Object.values(files)) {
        if (source.path === undefined) continue;
        for (const { objectKey } of Object.values(destinations)) assets.set(objectKey, path.resolve(directory, source.path));
      }
    }
    if (artifact.type === 'aws:cloudformation:stack' && artifact.properties?.templateFile) {
      const [, account, region] = /^aws:\/\/([^/]+)\/([^/]+)$/.exec(artifact.environment ?? '') ?? [];
      if (!account || !region || region === 'unknown-region') {
        throw new Error(`stack '${artifactId}' has the environment '${artifact.environment ?? ''}'; give it an account and a Region`);
      }
      stacks.set(artifactId, {
        artifactId,
        stackName: artifact.properties.stackName ?? artifactId,
        account,
        region,
        template: readJson(path.join(directory, artifact.properties.templateFile)) as Template,
        terminationProtection: artifact.properties.terminationProtection ?? false,
        dependencies: artifact.dependencies ?? [],
      });
    }
  }
  if (stacks.size === 0) throw new Error(`no stack in the cloud assembly '${directory}'; synthesize it first`);
  return {
    stacks: inOrder(stacks),
    assetDirectory(objectKey) {
      const found = assets.get(objectKey);
      if (found === undefined)
        throw new Error(`no asset of the assembly '${directory}' has the object key '${objectKey}'; synthesize it again`);
      return found;
    },
  };
}

function inOrder(stacks: ReadonlyMap<string, AssemblyStack>): AssemblyStack[] {
  const ordered: AssemblyStack[] = [];
  const visit = (stack: AssemblyStack, above: readonly string[]): void => {
    if (ordered.includes(stack)) return;
    if (above.includes(stack.artifactId))
      throw new Error(`stacks depend on each other in a circle: ${[...above, stack.artifactId].join(' → ')}`);
    for (const id of stack.dependencies) {
      const dependency = stacks.get(id);
      if (dependency) visit(dependency, [...above, stack.artifactId]);
    }
    ordered.push(stack);
  };
  for (const stack of stacks.values()) visit(stack, []);
  return ordered;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`cannot read '${file}' of the cloud assembly: ${(error as Error).message}`, { cause: error });
  }
}
