/** The machines and templates of an environment, as tests have them: synthesized once for a whole run. */
import { loadSettings } from '../../lib/settings/index.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import type { SettingsVariant } from '../../rehearsal/settings-variants.ts';
import { synthesizedIn } from '../../simulation/worlds/definitions.ts';
import { assemblyOf } from '../assemblies.ts';

const region = loadSettings('dev').regions.home.name;

interface Templates {
  readonly taskTemplate: Record<string, unknown>;
  readonly migrationTemplate: Record<string, unknown>;
}

export function synthesizedMachines(
  variant?: SettingsVariant, environment: 'dev' | 'staging' = 'dev',
): Templates & { readonly machines: ReadonlyMap<string, StateMachineDefinition> } {
  const { machines, taskDefinitions } = synthesizedIn(assemblyOf(environment, variant).directory, { installation: `baton-${environment}`, region });
  const templateOf = (family: string): Record<string, unknown> => taskDefinitions.get(`baton-dev-alpha-${family}`) ?? {};
  return { machines, taskTemplate: templateOf('template'), migrationTemplate: templateOf('migration-template') };
}

export function synthesizedCutover(): Templates & { readonly definition: StateMachineDefinition } {
  const { machines, ...templates } = synthesizedMachines();
  return { definition: machines.get('cutover')!, ...templates };
}
