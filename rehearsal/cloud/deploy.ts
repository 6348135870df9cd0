/** CloudFormation: deploys a cloud assembly into the world. */
import type { Front } from './front.ts';
import type { CloudWorld } from './world.ts';

export interface DeployedStack {
  readonly stackName: string;
  readonly region: string;
  /** By logical id. */
  readonly resources: Readonly<Record<string, { readonly type: string; readonly ref: string; readonly attributes: Record<string, unknown> }>>;
  /** By output name. */
  readonly outputs: Readonly<Record<string, string>>;
}

export interface DeployOptions {
  /** The directory that synth wrote, e.g. `cdk.out`. */
  readonly assemblyDirectory: string;
  readonly world: CloudWorld;
  /** Takes the answers of custom resources. */
  readonly front: Front;
}

/** By stack name, in the order in which they were deployed. */
export async function deploy(options: DeployOptions): Promise<ReadonlyMap<string, DeployedStack>> {
  throw new Error(`deployment of ${options.assemblyDirectory} is being written`);
}
