/**
 * The server's side of one service's wire protocols, out of the schemas that its SDK client ships.
 *
 * The SDK serializes inputs and deserializes outputs. An operation whose input and output are swapped makes the
 * same code read a request and write a response, so both sides speak exactly the protocol of the client's release.
 * Left to do here: the form of the query protocols, the XML envelope, REST routes and errors.
 *
 * A service may be spoken to in more than one protocol: the AWS CLI asks CloudWatch in CBOR, its older releases in the
 * query protocol, the SDK in JSON. The request says which, and is answered in the same.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';

import { XmlShapeSerializer } from '@aws-sdk/core/protocols';
import { cbor, SmithyRpcV2CborProtocol } from '@smithy/core/cbor';
import { FromStringShapeDeserializer } from '@smithy/core/protocols';
import { NormalizedSchema } from '@smithy/core/schema';

import { AwsError } from './model.ts';
import { decodeQueryForm } from './query-form.ts';
import { compileRoute, matchRoute, type RestOperation, type RestRoute } from './rest-routes.ts';
import { newClient, type SdkModule } from './sdk-clients.ts';

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
export interface WireResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
}

/** How a request was written, by the name of its protocol: its answer is written the same way. */
export type Spoken = 'awsJson1_0' | 'awsJson1_1' | 'awsQuery' | 'ec2Query' | 'restJson1' | 'restXml' | 'rpcv2Cbor';

/** What a request asks for: the operation, and what its path said. */
export interface Match {
  readonly operation: Operation;
  readonly spoken: Spoken;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly name: string;
  readonly input: NormalizedSchema;
  readonly output: NormalizedSchema;
  readonly http: readonly [string, string, number] | undefined;
  readonly requiredMembers: readonly string[];
  readonly traits: unknown;
  /** With input and output swapped. */
  readonly reads: SdkOperation;
  readonly writes: SdkOperation;
}
type RestReady = Operation & RestOperation;

interface SdkOperation {
  readonly namespace: string;
  readonly name: string;
  readonly traits: unknown;
  readonly input: unknown;
  readonly output: unknown;
}
type Struct = Record<string, unknown>;
interface SdkProtocol {
  getShapeId(): string;
  setSerdeContext(context: unknown): void;
  serializeRequest(
    operation: SdkOperation,
    value: unknown,
    context: unknown,
  ): Promise<{ headers: Record<string, string>; body?: string | Uint8Array }>;
  deserializeResponse(operation: SdkOperation, context: unknown, response: unknown): Promise<Struct>;
}
interface SdkConfig {
  readonly protocol: SdkProtocol;
  readonly protocolSettings: {
    readonly defaultNamespace: string;
    readonly xmlNamespace?: string;
    readonly awsQueryCompatible?: boolean;
  };
}

/** Numbers by which the SDK's static schemas say what they are. */
const staticSchema = { struct: 3, operation: 9, error: -3 } as const;
const dateTimeFormat = 5;
/** S3's model leaves them out; a HEAD request has no body, so its status alone says what is wrong. */
const unmodelledStatus: Readonly<Record<string, number>> = {
  NoSuchBucket: 404, NoSuchKey: 404, NotFound: 404,
  // Refusals, which no model of a service lists: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html
  AccessDenied: 403, AuthFailure: 401, InvalidAccessKeyId: 403, InvalidClientTokenId: 403, UnauthorizedOperation: 403,
};

export class ServiceProtocol {
  readonly signingName: string;
  readonly operations: ReadonlyMap<string, Operation>;
  private readonly config: SdkConfig;
  private readonly context: unknown;
  /** What the SDK's client speaks. */
  private readonly usual: Spoken;
  private readonly cbor: SdkProtocol;
  private readonly errors = new Map<string, NormalizedSchema>();
  private readonly routes: ReadonlyArray<RestRoute<RestReady>>;
  private readonly xml: XmlShapeSerializer;
  private readonly strings: FromStringShapeDeserializer;

  constructor(signingName: string, sdk: SdkModule) {
    this.signingName = signingName;
    const client = newClient(sdk, signingName, {
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      credentials: { accessKeyId: 'unused', secretAccessKey: 'unused' },
    });
    this.config = client.config as SdkConfig;
    // The protocol asks its context where requests go; responses go nowhere.
    this.context = { ...(client.config as object), endpoint: async () => ({ protocol: 'http:', hostname: 'unused', path: '/' }) };
    client.destroy();
    this.usual = this.config.protocol.getShapeId().split('#')[1] as Spoken;
    this.cbor = new SmithyRpcV2CborProtocol(this.config.protocolSettings) as unknown as SdkProtocol;
    this.cbor.setSerdeContext(this.context);

    const operations = new Map<string, Operation>();
    for (const schema of Object.values(sdk)) {
      if (!Array.isArray(schema)) continue;
      if (schema[0] === staticSchema.operation) operations.set(schema[2] as string, readOperation(schema));
      if (schema[0] === staticSchema.error) this.errors.set(schema[2] as string, NormalizedSchema.of(schema as never));
    }
    this.operations = operations;
    this.routes = [...operations.values()]
      .filter((operation): operation is RestReady => operation.http !== undefined)
      .map((operation) => compileRoute(operation))
      .sort((a, b) => b.specificity - a.specificity);

    const { xmlNamespace = '', defaultNamespace } = this.config.protocolSettings;
    const timestampFormat = { useTrait: true, default: dateTimeFormat } as never;
    this.xml = new XmlShapeSerializer({ timestampFormat, httpBindings: false, xmlNamespace, serviceNamespace: defaultNamespace });
    this.strings = new FromStringShapeDeserializer({ httpBindings: true, timestampFormat });
    this.xml.setSerdeContext(this.context as never);
    this.strings.setSerdeContext(this.context as never);
  }

  /** The protocol of a request, as its headers tell. */
  spoken(request: WireRequest): Spoken {
    if (request.headers['smithy-protocol'] === 'rpc-v2-cbor') return 'rpcv2Cbor';
    const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    return isJson(this.usual) && form ? 'awsQuery' : this.usual;
  }

  match(request: WireRequest): Match | undefined {
    const spoken = this.spoken(request);
    if (spoken === 'rpcv2Cbor') return this.byName(/^\/service\/[^/]+\/operation\/([^/]+)$/.exec(request.path)?.[1], spoken);
    if (isJson(spoken)) return this.byName(String(request.headers['x-amz-target']).split('.').pop(), spoken);
    if (isForm(spoken)) return this.byName(new URLSearchParams(request.body.toString()).get('Action') ?? '', spoken);
    // Path style: the model leaves the bucket to the endpoint's rules, so no route mentions it.
    const bucketAndKey = this.signingName === 's3' ? /^\/([^/]+)(\/.*)?$/.exec(request.path) : null;
    const bucket = bucketAndKey?.[1];
    const rest = bucketAndKey ? { ...request, path: bucketAndKey[2] ?? '/' } : request;
    for (const route of this.routes) {
      if (this.signingName === 's3' && hasBucket(route.operation.input) !== (bucket !== undefined)) continue;
      const labels = matchRoute(route, rest);
      if (labels)
        return { operation: route.operation, spoken, labels: bucket === undefined ? labels : { ...labels, Bucket: decodeURIComponent(bucket) } };
    }
    return undefined;
  }

  private byName(name: string | undefined, spoken: Spoken): Match | undefined {
    const operation = this.operations.get(name ?? '');
    return operation && { operation, spoken, labels: {} };
  }

  private codec(spoken: Spoken): SdkProtocol {
    return spoken === 'rpcv2Cbor' ? this.cbor : this.config.protocol;
  }

  async decode({ operation, spoken, labels }: Match, request: WireRequest): Promise<Struct> {
    const readScalar = (schema: NormalizedSchema, text: string): unknown => this.strings.read(schema, text) as unknown;
    if (isForm(spoken)) {
      return decodeQueryForm(operation.input, new URLSearchParams(request.body.toString()), { readScalar, ec2: spoken === 'ec2Query' });
    }
    const body = streamsPayload(operation.input) ? Readable.from([request.body]) : new Uint8Array(request.body);
    const input = await this.codec(spoken).deserializeResponse(operation.reads, this.context, {
      statusCode: 200,
      headers: { ...request.headers },
      body,
    });
    delete input['$metadata'];
    if (operation.http) this.readPathAndQuery(operation, labels, request.query, input, readScalar);
    for (const [name, value] of Object.entries(input)) {
      if (value === undefined) delete input[name];
      if (value instanceof Readable) input[name] = request.body;
    }
    return input;
  }

  private readPathAndQuery(
    operation: Operation,
    labels: Readonly<Record<string, string>>,
    query: URLSearchParams,
    input: Struct,
    readScalar: (schema: NormalizedSchema, text: string) => unknown,
  ): void {
    const used = new Set(new URLSearchParams(operation.http?.[1].split('?')[1] ?? '').keys());
    let otherQuery: readonly [string, NormalizedSchema] | undefined;
    for (const [name, member] of operation.input.structIterator()) {
      const traits = member.getMergedTraits();
      if (traits.httpLabel || (name === 'Bucket' && labels['Bucket'] !== undefined)) {
        input[name] = readScalar(member, labels[name] ?? '');
      } else if (traits.httpQuery) {
        used.add(traits.httpQuery);
        const given = query.getAll(traits.httpQuery);
        if (given.length === 0) continue;
        input[name] = member.isListSchema()
          ? given.map((text) => readScalar(member.getValueSchema(), text))
          : readScalar(member, given[0] as string);
      } else if (traits.httpQueryParams) {
        otherQuery = [name, member];
      }
    }
    if (!otherQuery) return;
    const [name, member] = otherQuery;
    const names = [...new Set(query.keys())].filter((key) => !used.has(key));
    input[name] = Object.fromEntries(
      names.map((key) => [key, member.getValueSchema().isListSchema() ? query.getAll(key) : query.get(key)]),
    );
  }

  async encode({ operation, spoken }: Match, output: Struct, requestId: string): Promise<WireResponse> {
    const { xmlNamespace = '' } = this.config.protocolSettings;
    if (isForm(spoken)) {
      const result = operation.output.isUnitSchema() ? '' : this.resultElement(operation, output);
      // EC2 puts the members into the response itself, the others into a result within it.
      const content =
        spoken === 'ec2Query'
          ? `<requestId>${requestId}</requestId>${result.replace(/^<[^>]+>/, '').replace(/<\/[^<>/]+>$/, '')}`
          : `${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
      const body = `<${operation.name}Response xmlns="${xmlNamespace}">${content}</${operation.name}Response>`;
      return { status: 200, headers: { 'content-type': 'text/xml' }, body };
    }
    const message = await this.codec(spoken).serializeRequest(operation.writes, output, this.context);
    delete message.headers['x-amz-target'];
    let status = operation.http?.[2] ?? 200;
    if (operation.output.isStructSchema()) {
      for (const [name, member] of operation.output.structIterator()) {
        if (member.getMergedTraits().httpResponseCode && typeof output[name] === 'number') status = output[name];
      }
    }
    return { status, headers: message.headers, body: operation.output.isUnitSchema() ? '' : (message.body ?? '') };
  }

  /** `<NameResult>…</NameResult>`: what the serializer writes, under the name of the query protocol. */
  private resultElement(operation: Operation, output: Struct): string {
    this.xml.write(operation.output, output);
    return String(this.xml.flush())
      .replace(/^<([^\s>/]+)([^>]*?)(\/?)>/, (_all, _name, _attributes, selfClosing: string) => `<${operation.name}Result${selfClosing}>`)
      .replace(/<\/[^<>/]+>$/, `</${operation.name}Result>`);
  }

  async encodeError(error: AwsError, requestId: string, spoken: Spoken): Promise<WireResponse> {
    const schema = this.errors.get(error.name);
    const traits = (schema?.getMergedTraits() ?? {}) as { awsQueryError?: readonly [string, number]; httpError?: number };
    const [queryCode, queryStatus] = traits.awsQueryError ?? [error.name, undefined];
    const status = queryStatus ?? traits.httpError ?? unmodelledStatus[error.name] ?? (error.fault === 'server' ? 500 : 400);
    const { xmlNamespace = '', defaultNamespace, awsQueryCompatible } = this.config.protocolSettings;
    if (isForm(spoken) || spoken === 'restXml') {
      const code = isForm(spoken) ? queryCode : error.name;
      const said = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(error.message)}</Message>`;
      const element = `<Error><Type>${error.fault === 'client' ? 'Sender' : 'Receiver'}</Type>${said}</Error>`;
      const body = {
        ec2Query: `<Response><Errors><Error>${said}</Error></Errors><RequestID>${requestId}</RequestID></Response>`,
        restXml: `<?xml version="1.0" encoding="UTF-8"?>${element}`,
        awsQuery: `<ErrorResponse xmlns="${xmlNamespace}">${element}<RequestId>${requestId}</RequestId></ErrorResponse>`,
      }[spoken];
      return { status, headers: { 'content-type': 'text/xml' }, body };
    }
    const headers: Record<string, string> = { 'content-type': 'application/json', 'x-amzn-errortype': error.name };
    if (awsQueryCompatible) headers['x-amzn-query-error'] = `${queryCode};${error.fault === 'client' ? 'Sender' : 'Receiver'}`;
    const members = schema ? await this.errorMembers(schema, error.data) : error.data;
    if (spoken === 'rpcv2Cbor') {
      const body = cbor.serialize({ __type: `${defaultNamespace}#${error.name}`, message: error.message, ...members });
      return { status, headers: { ...headers, 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' }, body };
    }
    return { status, headers, body: JSON.stringify({ __type: `${defaultNamespace}#${error.name}`, message: error.message, ...members }) };
  }

  /** The further members of an error (the Item of a refused condition) as the schema writes them. */
  private async errorMembers(schema: NormalizedSchema, data: Struct): Promise<Struct> {
    if (Object.keys(data).length === 0) return {};
    const [, namespace, name, , memberNames, memberSchemas] = schema.getSchema() as unknown as unknown[];
    const input = [staticSchema.struct, namespace, name, 0, memberNames, memberSchemas];
    const operation = { namespace: String(namespace), name: String(name), traits: { http: ['POST', '/', 200] }, input, output: 'unit' };
    const { body } = await this.config.protocol.serializeRequest(operation, data, this.context);
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body)) as Struct;
  }
}

const isJson = (spoken: Spoken): boolean => spoken === 'awsJson1_0' || spoken === 'awsJson1_1';
const isForm = (spoken: Spoken): spoken is 'awsQuery' | 'ec2Query' => spoken === 'awsQuery' || spoken === 'ec2Query';

function readOperation(schema: unknown[]): Operation {
  const [, namespace, name, traits, inputRef, outputRef] = schema as [number, string, string, unknown, unknown, unknown];
  const input = NormalizedSchema.of(dereference(inputRef) as never);
  const output = NormalizedSchema.of(dereference(outputRef) as never);
  const http = typeof traits === 'object' ? (traits as { http?: readonly [string, string, number] }).http : undefined;
  const reads = { namespace, name, traits, input: 'unit', output: http ? bodyMembers(input) : input.getSchema() };
  // Written as if it were a request: a fixed route, so that no label of the real one is asked for.
  const writes = { ...reads, traits: http ? { ...(traits as object), http: ['POST', '/', 200] } : traits, input: output.getSchema() };
  return { name, input, output, http, requiredMembers: requiredMembers(input), traits, reads, writes };
}

function dereference(reference: unknown): unknown {
  return typeof reference === 'function' ? (reference as () => unknown)() : reference;
}

function structParts(schema: NormalizedSchema): readonly [unknown, unknown, unknown, string[], unknown[], number] | undefined {
  const struct = schema.getSchema() as unknown;
  if (!Array.isArray(struct) || struct[0] !== staticSchema.struct) return undefined;
  const [, namespace, name, traits, members, schemas, required] = struct as unknown[];
  return [namespace, name, traits, members as string[], schemas as unknown[], (required as number | undefined) ?? 0];
}

/** A structure lists its required members first and says how many they are. */
function requiredMembers(input: NormalizedSchema): string[] {
  const parts = structParts(input);
  return parts ? parts[3].slice(0, parts[5]) : [];
}

/** The input's schema less the members that travel in the path or the query. */
function bodyMembers(input: NormalizedSchema): unknown {
  const parts = structParts(input);
  if (!parts) return input.getSchema();
  const [namespace, name, traits, members, schemas] = parts;
  const kept = members.flatMap((member, index) => {
    const memberTraits = input.getMemberSchema(member).getMergedTraits();
    const elsewhere = memberTraits.httpLabel || memberTraits.httpQuery || memberTraits.httpQueryParams;
    return elsewhere || member === 'Bucket' ? [] : [index];
  });
  return [staticSchema.struct, namespace, name, traits, kept.map((index) => members[index]), kept.map((index) => schemas[index])];
}

function hasBucket(input: NormalizedSchema): boolean {
  return requiredMembers(input).includes('Bucket');
}

function streamsPayload(input: NormalizedSchema): boolean {
  if (!input.isStructSchema()) return false;
  for (const [, member] of input.structIterator()) if (member.getMergedTraits().httpPayload) return member.isStreaming();
  return false;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (character) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[character] as string);
}
