/**
 * Names as Step Functions' SDK integrations spell them. They are those of the AWS SDK for Java 2. Its code generator makes
 * small what a member begins with: `DBSnapshotIdentifier` becomes `dbSnapshotIdentifier`, `MultiAZ` `multiAZ`, and Step
 * Functions begins both with a capital again. Of an error it takes the words apart and capitalizes each:
 * `DBSnapshotNotFoundFault` becomes `DbSnapshotNotFoundException`.
 * Source: aws-sdk-java-v2, codegen, `DefaultNamingStrategy` (`getFluentGetterMethodName`, `getExceptionName`) and
 * `Utils.unCapitalize`.
 */

/** Members that the Java SDK renames by hand. */
const renamed: Readonly<Record<string, string>> = { NULL: 'Nul' };

export function memberName(name: string): string {
  if (renamed[name] !== undefined) return renamed[name];
  // The capitals in front, but for one that begins a word.
  const small = name.replace(/^[A-Z]+(?![a-z])/, (front) => front.toLowerCase());
  return small.charAt(0).toUpperCase() + small.slice(1);
}

export function exceptionName(shapeName: string): string {
  if (shapeName.endsWith('Fault')) return `${pascalCase(shapeName.slice(0, -'Fault'.length))}Exception`;
  return shapeName.endsWith('Exception') ? pascalCase(shapeName) : `${pascalCase(shapeName)}Exception`;
}

export function pascalCase(name: string): string {
  return words(name)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
    .join('');
}

function words(name: string): string[] {
  return name
    .replace(/[^A-Za-z0-9]+/g, ' ')
    .replace(/([^a-z]{2,})v([0-9]+)/g, '$1 v$2 ')
    .replace(/([^A-Z]{2,})V([0-9]+)/g, '$1 V$2 ')
    .split(/(?<=[a-z])(?=[A-Z](?:[a-zA-Z]|[0-9]))/)
    .join(' ')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .replace(/([0-9])([a-zA-Z])/g, '$1 $2')
    .trim()
    .split(/ +/);
}
