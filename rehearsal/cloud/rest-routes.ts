/** Finds the operation of a REST request by the method, path, query and headers that its schema gives. */
import type { NormalizedSchema } from '@smithy/core/schema';
import type { IncomingHttpHeaders } from 'node:http';

export interface RestOperation {
  readonly name: string;
  /** Method, path template with query, status of success. */
  readonly http: readonly [string, string, number];
  readonly input: NormalizedSchema;
  /** Members without which the SDK sends no request. */
  readonly requiredMembers: readonly string[];
}

export interface RestRoute<Operation extends RestOperation> {
  readonly operation: Operation;
  readonly method: string;
  readonly pattern: RegExp;
  readonly labels: readonly string[];
  readonly literalQuery: ReadonlyMap<string, string>;
  readonly requiredQuery: readonly string[];
  readonly requiredHeaders: readonly string[];
  /** The more a route asks for, the earlier it is tried. */
  readonly specificity: number;
}

export function compileRoute<Operation extends RestOperation>(operation: Operation): RestRoute<Operation> {
  const [method, uri] = operation.http;
  const [template = '', query = ''] = uri.split('?');
  const labels: string[] = [];
  let literalLength = 0;
  const source = template
    .replace(/\/$/, '')
    .split(/(\{[^}]+\})/)
    .map((part) => {
      const label = /^\{([^}+]+)(\+?)\}$/.exec(part);
      if (!label) {
        literalLength += part.length;
        return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      }
      labels.push(label[1] as string);
      return label[2] ? '(.+)' : '([^/]+)';
    })
    .join('');
  const literalQuery = new Map(new URLSearchParams(query));
  const requiredQuery: string[] = [];
  const requiredHeaders: string[] = [];
  for (const name of operation.requiredMembers) {
    const traits = operation.input.getMemberSchema(name).getMergedTraits();
    if (traits.httpQuery) requiredQuery.push(traits.httpQuery);
    if (traits.httpHeader) requiredHeaders.push(traits.httpHeader.toLowerCase());
  }
  const asked = literalQuery.size - (literalQuery.has('x-id') ? 1 : 0) + requiredQuery.length + requiredHeaders.length;
  const specificity = asked * 1000 + literalLength * 2 + (labels.length === 0 ? 1 : 0);
  return { operation, method, pattern: new RegExp(`^${source}/?$`), labels, literalQuery, requiredQuery, requiredHeaders, specificity };
}

/** The labels of the path if the route fits. */
export function matchRoute(
  route: RestRoute<RestOperation>,
  request: { readonly method: string; readonly path: string; readonly query: URLSearchParams; readonly headers: IncomingHttpHeaders },
): Record<string, string> | undefined {
  if (route.method !== request.method) return undefined;
  for (const [name, value] of route.literalQuery) {
    // The SDK adds x-id, to tell operations of one path apart; the AWS CLI does not.
    const given = request.query.get(name) ?? (name === 'x-id' ? value : null);
    if (given === null || (value !== '' && given !== value)) return undefined;
  }
  if (!route.requiredQuery.every((name) => request.query.has(name))) return undefined;
  if (!route.requiredHeaders.every((name) => request.headers[name] !== undefined)) return undefined;
  const match = route.pattern.exec(request.path);
  if (!match) return undefined;
  return Object.fromEntries(route.labels.map((label, index) => [label, decodeURIComponent(match[index + 1] as string)]));
}
