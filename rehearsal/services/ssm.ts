/** SSM Parameter Store: strings by name and Region, with versions. */
import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf } from './pages.ts';

interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly version: number;
  readonly at: Date;
}

interface ByPathInput {
  readonly Path: string;
  readonly Recursive?: boolean;
  readonly MaxResults?: number;
  readonly NextToken?: string;
}
interface DescribeInput {
  readonly ParameterFilters?: ReadonlyArray<{ readonly Key: string; readonly Option?: string; readonly Values?: readonly string[] }>;
  readonly MaxResults?: number;
  readonly NextToken?: string;
}
/** "The maximum number of items to return": 10 by path, 50 described. */
const pageMax = { byPath: 10, described: 50 };

export function ssm(world: World): ServiceModel {
  const parameters = new Map<string, Parameter>();
  const keyOf = (region: string, name: string): string =>
    `${region}:${name.startsWith('arn:') ? name.replace(/^[^/]*:parameter/, '') : name}`;

  function put(region: string, name: string, type: string, value: string): Parameter {
    if (Buffer.byteLength(value) > 4096) {
      throw new AwsError('ValidationException', 'Standard tier parameters support a maximum parameter value of 4096 characters.');
    }
    const version = (parameters.get(keyOf(region, name))?.version ?? 0) + 1;
    const parameter: Parameter = { name, type, value, version, at: world.now() };
    parameters.set(keyOf(region, name), parameter);
    return parameter;
  }

  function shown(region: string, { name, type, value, version, at }: Parameter): Record<string, unknown> {
    const path = name.startsWith('/') ? name : `/${name}`;
    return {
      Name: name, Type: type, Value: value, Version: version, LastModifiedDate: at, DataType: 'text',
      ARN: `arn:aws:ssm:${region}:${world.accountId}:parameter${path}`,
    };
  }

  const inRegion = (region: string): Parameter[] =>
    [...parameters].filter(([key]) => key.startsWith(`${region}:`)).map(([, parameter]) => parameter).sort((one, other) => (one.name < other.name ? -1 : 1));

  function passes({ name, type }: Parameter, { Key, Option = 'Equals', Values = [] }: NonNullable<DescribeInput['ParameterFilters']>[number]): boolean {
    const value = { Name: name, Type: type }[Key];
    const judge = {
      Equals: (wanted: string) => value === wanted,
      BeginsWith: (wanted: string) => value?.startsWith(wanted) === true,
      Contains: (wanted: string) => value?.includes(wanted) === true,
    }[Option];
    if (value === undefined || judge === undefined) {
      throw new AwsError('NotImplemented', `the filter ${Key} ${Option} is not modelled; Name and Type with Equals, BeginsWith and Contains are`, {
        fault: 'server',
      });
    }
    return Values.some(judge);
  }

  return {
    service: 'ssm',
    operations: {
      GetParameter: ({ Name }: { Name: string }, { region }) => {
        const found = parameters.get(keyOf(region, Name));
        if (!found) throw new AwsError('ParameterNotFound', `Parameter ${Name} not found.`);
        return { Parameter: shown(region, found) };
      },
      GetParameters: ({ Names }: { Names: readonly string[] }, { region }) => {
        const found = Names.flatMap((name) => parameters.get(keyOf(region, name)) ?? []);
        return {
          Parameters: found.map((parameter) => shown(region, parameter)),
          InvalidParameters: Names.filter((name) => !parameters.has(keyOf(region, name))),
        };
      },
      GetParametersByPath: ({ Path, Recursive, MaxResults, NextToken }: ByPathInput, { region }) => {
        const under = Path.endsWith('/') ? Path : `${Path}/`;
        const found = inRegion(region).filter(({ name }) => name.startsWith(under) && (Recursive === true || !name.slice(under.length).includes('/')));
        const { elements, next } = pageOf(found, {
          token: NextToken, size: MaxResults, sizeMax: pageMax.byPath, keyOf: ({ name }) => name, invalidToken: 'InvalidNextToken',
        });
        return { Parameters: elements.map((parameter) => shown(region, parameter)), NextToken: next };
      },
      DescribeParameters: ({ ParameterFilters = [], MaxResults, NextToken }: DescribeInput, { region }) => {
        const found = inRegion(region).filter((parameter) => ParameterFilters.every((filter) => passes(parameter, filter)));
        const { elements, next } = pageOf(found, {
          token: NextToken, size: MaxResults, sizeMax: pageMax.described, keyOf: ({ name }) => name, invalidToken: 'InvalidNextToken',
        });
        return {
          NextToken: next,
          Parameters: elements.map((parameter) => {
            const { Value: _value, ...described } = shown(region, parameter);
            return { ...described, Tier: 'Standard' };
          }),
        };
      },
      PutParameter: ({ Name, Type, Value, Overwrite }: { Name: string; Type?: string; Value: string; Overwrite?: boolean }, { region }) => {
        const before = parameters.get(keyOf(region, Name));
        if (before && !Overwrite) {
          throw new AwsError(
            'ParameterAlreadyExists',
            'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
          );
        }
        const type = Type ?? before?.type;
        if (type === undefined) throw new AwsError('ValidationException', 'A parameter type is required when you create a parameter.');
        return { Version: put(region, Name, type, Value).version, Tier: 'Standard' };
      },
      DeleteParameter: ({ Name }: { Name: string }, { region }) => {
        if (!parameters.delete(keyOf(region, Name))) throw new AwsError('ParameterNotFound', `Parameter ${Name} not found.`);
        return {};
      },
    },
    resources: {
      'AWS::SSM::Parameter': ({ properties, generatedName, region }) => {
        const name = String(properties['Name'] ?? generatedName);
        if (parameters.has(keyOf(region, name))) throw new AwsError('ParameterAlreadyExists', `${name} already exists`);
        const { type, value } = put(region, name, String(properties['Type']), String(properties['Value']));
        return { ref: name, attributes: { Type: type, Value: value } };
      },
    },
  };
}
