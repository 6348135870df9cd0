/** Decodes the form of the AWS query protocol (`Tags.Tag.1.Key=…`) as a schema types it. */
import type { NormalizedSchema } from '@smithy/core/schema';

interface FormNode {
  value?: string;
  readonly children: Record<string, FormNode>;
}
export type ReadScalar = (schema: NormalizedSchema, text: string) => unknown;

export function decodeQueryForm(schema: NormalizedSchema, form: URLSearchParams, readScalar: ReadScalar): Record<string, unknown> {
  const root: FormNode = { children: {} };
  for (const [name, value] of form) {
    if (name === 'Action' || name === 'Version') continue;
    let node = root;
    for (const part of name.split('.')) node = node.children[part] ??= { children: {} };
    node.value = value;
  }
  return schema.isUnitSchema() ? {} : (read(schema, root, readScalar) as Record<string, unknown>);
}

function read(schema: NormalizedSchema, node: FormNode, readScalar: ReadScalar): unknown {
  if (schema.isStructSchema()) {
    const struct: Record<string, unknown> = {};
    for (const [name, member] of schema.structIterator()) {
      const child = node.children[member.getMergedTraits().xmlName ?? name];
      if (child) struct[name] = read(member, child, readScalar);
    }
    return struct;
  }
  const flattened = schema.getMergedTraits().xmlFlattened;
  if (schema.isListSchema()) {
    if (node.value === '') return [];
    const member = schema.getValueSchema();
    const items = flattened ? node : node.children[member.getMergedTraits().xmlName ?? 'member'];
    return numbered(items).map((item) => read(member, item, readScalar));
  }
  if (schema.isMapSchema()) {
    const keyName = schema.getKeySchema().getMergedTraits().xmlName ?? 'key';
    const valueName = schema.getValueSchema().getMergedTraits().xmlName ?? 'value';
    const entries = numbered(flattened ? node : node.children['entry']);
    return Object.fromEntries(
      entries.map(({ children }) => [
        children[keyName]?.value ?? '',
        read(schema.getValueSchema(), children[valueName] ?? { children: {} }, readScalar),
      ]),
    );
  }
  return readScalar(schema, node.value ?? '');
}

function numbered(node: FormNode | undefined): FormNode[] {
  return Object.entries(node?.children ?? {})
    .filter(([name]) => /^\d+$/.test(name))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, child]) => child);
}
