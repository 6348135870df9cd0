/**
 * Who pays for what: every resource that can carry a tag carries all of these, or the synthesis fails. Bills are told apart by
 * them, once they are activated as cost allocation tags (docs/cost.md).
 */
import { type App, CfnResource, TagManager, Tags } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { requiredTags, sharedByBooks } from '../contracts/tags.ts';
import type { Settings } from '../settings/index.ts';

/** Parameters that machines write: CloudFormation would write their first value again with a changed tag. */
const untagged = ['AWS::SSM::Parameter'];

export function tagEverything(app: App, { environment, tags }: Settings): void {
  for (const [key, value] of Object.entries({ ...tags, Environment: environment, Book: sharedByBooks })) {
    Tags.of(app).add(key, value, { excludeResourceTypes: untagged });
  }
  app.node.addValidation({ validate: () => app.node.findAll().flatMap(missingTags) });
}

/** The constructs of one book, whose cost is its own. */
export function tagBook(book: string, ...constructs: readonly IConstruct[]): void {
  for (const construct of constructs) Tags.of(construct).add('Book', book, { excludeResourceTypes: untagged });
}

function missingTags(node: IConstruct): string[] {
  if (!CfnResource.isCfnResource(node) || untagged.includes(node.cfnResourceType)) return [];
  const carried = TagManager.of(node)?.tagValues();
  const missing = carried === undefined ? [] : requiredTags.filter((name) => !Object.hasOwn(carried, name));
  if (missing.length === 0) return [];
  return [`${node.cfnResourceType} at ${node.node.path} lacks the tags ${missing.join(', ')}: nobody could say who pays for it. Do not remove or exclude them.`];
}
