/**
 * Decodes the form of the AWS query protocol (`Tags.Tag.1.Key=…`) as a schema types it, and EC2's own kind of it: every
 * list is flat there, and names begin with a capital.
 */
import type { NormalizedSchema } from '@smithy/core/schema';

interface FormNode {
  value?: string;
  readonly children: Record<string, FormNode>;
}
export type ReadScalar = (schema: NormalizedSchema, text: string) => unknown;

export interface QueryFormOptions {
  readonly readScalar: ReadScalar;
  readonly ec2: boolean;
}

export function decodeQueryForm(schema: NormalizedSchema, form: URLSearchParams, options: QueryFormOptions): Record<string, unknown> {
  const root: FormNode = { children: {} };
  for (const [name, value] of form) {
    if (name === 'Action' || name === 'Version') continue;
    let node = root;
    for (const part of name.split('.')) node = node.children[part] ??= { children: {} };
    node.value = value;
  }
  return schema.isUnitSchema() ? {} : (read(schema, root, options) as Record<string, unknown>);
}

function read(schema: NormalizedSchema, node: FormNode, options: QueryFormOptions): unknown {
  if (schema.isStructSchema()) {
    const struct: Record<string, unknown> = {};
    for (const [name, member] of schema.structIterator()) {
      const child = node.children[nameOf(member, name, options)];
      if (child) struct[name] = read(member, child, options);
    }
    return struct;
  }
  const flattened = options.ec2 || schema.getMergedTraits().xmlFlattened;
  if (schema.isListSchema()) {
    if (node.value === '') return [];
    const member = schema.getValueSchema();
    const items = flattened ? node : node.children[member.getMergedTraits().xmlName ?? 'member'];
    return numbered(items).map((item) => read(member, item, options));
  }
  if (schema.isMapSchema()) {
    const keyName = schema.getKeySchema().getMergedTraits().xmlName ?? 'key';
    const valueName = schema.getValueSchema().getMergedTraits().xmlName ?? 'value';
    const entries = numbered(flattened ? node : node.children['entry']);
    return Object.fromEntries(
      entries.map(({ children }) => [
        children[keyName]?.value ?? '',
        read(schema.getValueSchema(), children[valueName] ?? { children: {} }, options),
      ]),
    );
  }
  return options.readScalar(schema, node.value ?? '');
}

function nameOf(member: NormalizedSchema, memberName: string, { ec2 }: QueryFormOptions): string {
  const { xmlName, ec2QueryName } = member.getMergedTraits() as { xmlName?: string; ec2QueryName?: string };
  const name = xmlName ?? memberName;
  return ec2 ? (ec2QueryName ?? name.charAt(0).toUpperCase() + name.slice(1)) : name;
}

function numbered(node: FormNode | undefined): FormNode[] {
  return Object.entries(node?.children ?? {})
    .filter(([name]) => /^\d+$/.test(name))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, child]) => child);
}
