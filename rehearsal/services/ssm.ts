/** SSM Parameter Store: strings by name and Region, with versions. */
import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';

interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly version: number;
  readonly at: Date;
}

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
