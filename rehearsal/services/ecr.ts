/** ECR: repositories, the images that the rehearsal (or a push) put there, by digest and tag, and their replication to other Regions. */
import { AwsError, type Call, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf, type Page } from './pages.ts';

interface Image {
  readonly digest: string;
  readonly tags: string[];
  readonly pushedAt: Date;
}
interface Repository {
  readonly name: string;
  readonly arn: string;
  readonly uri: string;
  readonly immutable: boolean;
  readonly createdAt: Date;
  readonly images: Image[];
}
interface ImageId {
  readonly imageDigest?: string;
  readonly imageTag?: string;
}
interface ReplicationRule {
  readonly Destinations: readonly { readonly Region: string; readonly RegistryId: string }[];
  readonly RepositoryFilters?: readonly { readonly Filter: string; readonly FilterType: string }[];
}
export interface Ecr extends ServiceModel {
  /** Whether an image can be pulled there. */
  has(region: string, repositoryName: string, digest: string): boolean;
}
interface Paged {
  readonly maxResults?: number;
  readonly nextToken?: string;
}
/** "If this parameter is not used, then … returns up to 100 results"; it may ask for up to 1000. */
const page = { usual: 100, max: 1000 };

function paged<Element>(all: readonly Element[], { maxResults = page.usual, nextToken }: Paged, keyOf: (element: Element) => string): Page<Element> {
  return pageOf(all, { token: nextToken, size: maxResults, sizeMax: page.max, keyOf, invalidToken: 'InvalidParameterException' });
}

export function ecr(world: World): Ecr {
  const repositories = new Map<string, Repository>();
  /** By Region. */
  const rules = new Map<string, readonly ReplicationRule[]>();

  function repositoryOf(call: Call): Repository {
    const name = String(call.input['repositoryName']);
    const found = repositories.get(`${call.region}:${name}`);
    if (!found) {
      throw new AwsError(
        'RepositoryNotFoundException',
        `The repository with name '${name}' does not exist in the registry with id '${world.accountId}'`,
      );
    }
    return found;
  }

  function createRepository(region: string, name: string, immutable: boolean): Repository {
    const arn = `arn:aws:ecr:${region}:${world.accountId}:repository/${name}`;
    const uri = `${world.accountId}.dkr.ecr.${region}.amazonaws.com/${name}`;
    const repository = { name, arn, uri, immutable, createdAt: world.now(), images: [] };
    repositories.set(`${region}:${name}`, repository);
    return repository;
  }

  function store({ images }: Repository, digest: string, tag: string | undefined): void {
    const known = images.find((image) => image.digest === digest);
    const image = known ?? { digest, tags: [], pushedAt: world.now() };
    if (!known) images.push(image);
    if (tag !== undefined) {
      for (const { tags } of images) if (tags.includes(tag)) tags.splice(tags.indexOf(tag), 1);
      image.tags.push(tag);
    }
  }

  /** What was pushed, and nothing that was itself replicated, to each destination of a rule; a repository that is missing there is made. */
  async function replicate(from: string, { name, immutable }: Repository, digest: string, tag: string | undefined): Promise<void> {
    const matching = (rules.get(from) ?? []).filter(({ RepositoryFilters = [] }) =>
      RepositoryFilters.length === 0 || RepositoryFilters.some(({ Filter }) => name.startsWith(Filter)),
    );
    const destinations = new Set(matching.flatMap(({ Destinations }) => Destinations.map(({ Region }) => Region)));
    if (destinations.size === 0) return;
    await Promise.all(
      [...destinations].map(async (region) => {
        await world.provisionBeside('ecr-replication', region);
        store(repositories.get(`${region}:${name}`) ?? createRepository(region, name, immutable), digest, tag);
      }),
    );
  }

  return {
    service: 'ecr',
    has: (region, name, digest) => repositories.get(`${region}:${name}`)?.images.some((image) => image.digest === digest) === true,
    operations: {
      DescribeRepositories: ({ repositoryNames, ...asked }: Paged & { repositoryNames?: readonly string[] }, call) => {
        const here = [...repositories].filter(([key]) => key.startsWith(`${call.region}:`)).map(([, repository]) => repository);
        const named = repositoryNames?.map((repositoryName) => repositoryOf({ ...call, input: { repositoryName } }));
        const { elements, next } = paged(named ?? here, asked, ({ name }) => name);
        return {
          nextToken: next,
          repositories: elements.map(({ name, arn, uri, immutable, createdAt }) => ({
            repositoryName: name, repositoryArn: arn, repositoryUri: uri, registryId: world.accountId, createdAt,
            imageTagMutability: immutable ? 'IMMUTABLE' : 'MUTABLE',
          })),
        };
      },
      /** What a push ends with. The digest is the pusher's: a rehearsal's images have no manifest of layers. */
      PutImage: ({ imageDigest, imageTag }: ImageId, call) => {
        const repository = repositoryOf(call);
        if (!imageDigest || !/^sha256:[0-9a-f]{64}$/.test(imageDigest)) {
          throw new AwsError(
            'InvalidParameterException',
            `imageDigest must be sha256: and 64 hex digits, got '${imageDigest ?? 'nothing'}'`,
          );
        }
        const known = repository.images.find(({ digest }) => digest === imageDigest);
        const tagged = imageTag === undefined ? undefined : repository.images.find(({ tags }) => tags.includes(imageTag));
        if (tagged && tagged !== known && repository.immutable) {
          throw new AwsError(
            'ImageTagAlreadyExistsException',
            `The image tag '${imageTag}' already exists in the '${repository.name}' repository ` +
              'and cannot be overwritten because the tag is immutable.',
          );
        }
        store(repository, imageDigest, imageTag);
        // The world closed meanwhile: then it arrives nowhere.
        replicate(call.region, repository, imageDigest, imageTag).catch(() => undefined);
        return { image: { registryId: world.accountId, repositoryName: repository.name, imageId: { imageDigest, imageTag } } };
      },
      ListImages: (asked: Paged, call) => {
        const tagged = repositoryOf(call).images.flatMap(({ digest: imageDigest, tags }): ImageId[] =>
          tags.length === 0 ? [{ imageDigest }] : tags.map((imageTag) => ({ imageDigest, imageTag })),
        );
        const { elements, next } = paged(tagged, asked, ({ imageDigest, imageTag }) => `${imageDigest ?? ''} ${imageTag ?? ''}`);
        return { imageIds: elements, nextToken: next };
      },
      DescribeImages: ({ imageIds, ...asked }: Paged & { imageIds?: readonly ImageId[] }, call) => {
        const repository = repositoryOf(call);
        const wanted = imageIds?.map(({ imageDigest, imageTag }) => {
          const found = repository.images.find(
            ({ digest, tags }) =>
              (imageDigest === undefined || digest === imageDigest) && (imageTag === undefined || tags.includes(imageTag)),
          );
          if (!found) {
            throw new AwsError(
              'ImageNotFoundException',
              `The image with imageId {imageDigest:'${imageDigest ?? 'null'}', imageTag:'${imageTag ?? 'null'}'} does not exist ` +
                `within the repository with name '${repository.name}' in the registry with id '${world.accountId}'`,
            );
          }
          return found;
        });
        const { elements, next } = paged(wanted ?? repository.images, asked, ({ digest }) => digest);
        return {
          nextToken: next,
          imageDetails: elements.map(({ digest, tags, pushedAt }) => ({
            registryId: world.accountId, repositoryName: repository.name, imageDigest: digest, imagePushedAt: pushedAt,
            ...(tags.length > 0 ? { imageTags: tags } : {}),
          })),
        };
      },
    },
    resources: {
      'AWS::ECR::Repository': ({ properties, generatedName, region }) => {
        const name = String(properties['RepositoryName'] ?? generatedName.toLowerCase());
        if (repositories.has(`${region}:${name}`)) {
          throw new AwsError(
            'RepositoryAlreadyExistsException',
            `The repository with name '${name}' already exists in the registry with id '${world.accountId}'`,
          );
        }
        const { arn, uri } = createRepository(region, name, properties['ImageTagMutability'] === 'IMMUTABLE');
        return { ref: name, attributes: { Arn: arn, RepositoryUri: uri } };
      },
      'AWS::ECR::ReplicationConfiguration': ({ properties, region }) => {
        const { Rules } = properties['ReplicationConfiguration'] as { Rules: readonly ReplicationRule[] };
        const foreign = Rules.flatMap(({ Destinations }) => Destinations).find(({ Region, RegistryId }) => Region === region || RegistryId !== world.accountId);
        if (foreign) {
          const { Region, RegistryId } = foreign;
          throw new AwsError('InvalidParameterException', `Invalid destination ${Region} of ${RegistryId}: another Region of this account is modelled`);
        }
        rules.set(region, Rules);
        return { ref: world.accountId, attributes: { RegistryId: world.accountId } };
      },
    },
  };
}
