/** ECR: repositories, and the images that the rehearsal (or a push) put there, by digest and tag. */
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
interface Paged {
  readonly maxResults?: number;
  readonly nextToken?: string;
}
/** "If this parameter is not used, then … returns up to 100 results"; it may ask for up to 1000. */
const page = { usual: 100, max: 1000 };

function paged<Element>(all: readonly Element[], { maxResults = page.usual, nextToken }: Paged, keyOf: (element: Element) => string): Page<Element> {
  return pageOf(all, { token: nextToken, size: maxResults, sizeMax: page.max, keyOf, invalidToken: 'InvalidParameterException' });
}

export function ecr(world: World): ServiceModel {
  const repositories = new Map<string, Repository>();

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

  return {
    service: 'ecr',
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
        tagged?.tags.splice(tagged.tags.indexOf(imageTag as string), 1);
        const image = known ?? { digest: imageDigest, tags: [], pushedAt: world.now() };
        if (!known) repository.images.push(image);
        if (imageTag !== undefined) image.tags.push(imageTag);
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
        const arn = `arn:aws:ecr:${region}:${world.accountId}:repository/${name}`;
        const uri = `${world.accountId}.dkr.ecr.${region}.amazonaws.com/${name}`;
        repositories.set(`${region}:${name}`, {
          name, arn, uri, immutable: properties['ImageTagMutability'] === 'IMMUTABLE', createdAt: world.now(), images: [],
        });
        return { ref: name, attributes: { Arn: arn, RepositoryUri: uri } };
      },
    },
  };
}
