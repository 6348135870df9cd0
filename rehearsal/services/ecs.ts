/**
 * ECS with the EXTERNAL deployment controller: clusters, task definitions, services that start nothing by themselves,
 * and the task sets that do. Tasks are real processes (ecs-tasks.ts).
 */
import { AwsError, type Call, type OperationHandler, type ResourceHandler, type ServiceModel, type World } from '../cloud/model.ts';
import type { BuiltImage } from '../processes/container-image.ts';
import type { TaskLauncher } from '../processes/tasks.ts';
import { pageOf, type Page } from './pages.ts';
import { describeTask, startedBy, TaskLives, type ContainerDefinition, type EcsTask, type TaskDefinition } from './ecs-tasks.ts';

export interface EcsOptions {
  readonly launcher: TaskLauncher;
  /** What can be pulled, by digest (`sha256:…`). The rehearsal fills it, also later. */
  readonly images: ReadonlyMap<string, BuiltImage>;
  readonly isPushed?: (region: string, repositoryName: string, digest: string) => boolean;
  /** Whether these subnets have a route to what is outside; all have when not said. */
  readonly hasWayOut?: (region: string, subnets: readonly string[]) => Promise<boolean>;
}

export interface EcsModel extends ServiceModel {
  /** Every task there was, oldest first; for faults and reports. */
  tasks(): readonly EcsTask[];
}

interface Tag {
  readonly key: string;
  readonly value?: string;
}

interface Service {
  readonly serviceArn: string;
  readonly serviceName: string;
  readonly clusterArn: string;
  readonly clusterName: string;
  readonly region: string;
  readonly desiredCount: number;
  readonly createdAt: Date;
  readonly tags: readonly Tag[];
  readonly taskSets: TaskSet[];
}

interface TaskSet {
  readonly id: string;
  readonly taskSetArn: string;
  readonly service: Service;
  readonly externalId: string | undefined;
  readonly clientToken: string | undefined;
  readonly definition: TaskDefinition;
  readonly networkConfiguration: unknown;
  readonly launchType: string;
  readonly tags: readonly Tag[];
  readonly createdAt: Date;
  readonly tasks: EcsTask[];
  scale: { readonly value: number; readonly unit: 'PERCENT' };
  status: 'PRIMARY' | 'ACTIVE' | 'DRAINING';
  updatedAt: Date;
  stabilityStatus: 'STEADY_STATE' | 'STABILIZING';
  stabilityStatusAt: Date;
  /** Scheduler rounds that wait to replace a task. */
  replacing: boolean;
}

interface ListInput {
  readonly maxResults?: number;
  readonly nextToken?: string;
}
/** "If this parameter isn't used, then … returns up to 100 results"; services up to 10. */
const listMax = 100;
const serviceListUsual = 10;

/** The service quota "Task sets per service". */
const taskSetsPerService = 5;
const registrable = new Set([
  'family',
  'taskRoleArn',
  'executionRoleArn',
  'networkMode',
  'containerDefinitions',
  'volumes',
  'placementConstraints',
  'requiresCompatibilities',
  'cpu',
  'memory',
  'tags',
  'pidMode',
  'ipcMode',
  'proxyConfiguration',
  'inferenceAccelerators',
  'ephemeralStorage',
  'runtimePlatform',
  'enableFaultInjection',
]);

/** What a service with the EXTERNAL controller may say of itself; the rest belongs to its task sets. */
const ofExternalService = new Set([
  'Cluster',
  'ServiceName',
  'DesiredCount',
  'DeploymentConfiguration',
  'DeploymentController',
  'EnableECSManagedTags',
  'HealthCheckGracePeriodSeconds',
  'PlacementConstraints',
  'PlacementStrategies',
  'PropagateTags',
  'Role',
  'SchedulingStrategy',
  'Tags',
]);

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);
const client = (message: string): AwsError => new AwsError('ClientException', message);
/** ECS's own words for what its scheduler does. */
const scaling = ({ id }: TaskSet): string => `Scaling activity initiated by (deployment ${id})`;
const lastPart = (nameOrArn: string): string => nameOrArn.split('/').at(-1) ?? nameOrArn;

export function ecs(world: World, { launcher, images, isPushed, hasWayOut }: EcsOptions): EcsModel {
  const clusters = new Map<string, { readonly clusterArn: string; readonly clusterName: string; readonly region: string }>();
  /** Clusters whose default strategy is Fargate's, Spot or not: nothing is ever taken back here. */
  const onFargate = new Set<string>();
  const families = new Map<string, TaskDefinition[]>();
  const definitionTags = new Map<string, readonly Tag[]>();
  const services = new Map<string, Service>();
  const allTasks: EcsTask[] = [];
  const lives = new TaskLives({ world, launcher, images, ...(isPushed && { isPushed }), ...(hasWayOut && { hasWayOut }), onLost: replaceLost });
  let closed = false;

  const arn = (region: string, resource: string): string => `arn:aws:ecs:${region}:${world.accountId}:${resource}`;

  // Look-ups, with AWS's words for what is not there.
  function clusterOf(call: Call): { clusterArn: string; clusterName: string } {
    const name = lastPart((call.input['cluster'] as string | undefined) ?? 'default');
    const found = clusters.get(arn(call.region, `cluster/${name}`));
    if (!found) throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
    return found;
  }

  function serviceOf(call: Call): Service {
    const { clusterName } = clusterOf(call);
    const found = services.get(arn(call.region, `service/${clusterName}/${lastPart(String(call.input['service']))}`));
    if (!found) throw new AwsError('ServiceNotFoundException', 'Service not found.');
    return found;
  }

  function taskSetOf(service: Service, idOrArn: unknown): TaskSet {
    const found = service.taskSets.find(({ id }) => lastPart(id) === lastPart(String(idOrArn)));
    if (!found) throw new AwsError('TaskSetNotFoundException', 'The specified task set does not exist.');
    return found;
  }

  function definitionOf(region: string, reference: string): TaskDefinition | undefined {
    const [family = '', revision] = lastPart(reference).split(':');
    const revisions = families.get(arn(region, `task-definition/${family}`)) ?? [];
    if (revision === undefined) return revisions.findLast(({ status }) => status === 'ACTIVE');
    return revisions.find((one) => one.revision === Number(revision));
  }

  function register(region: string, input: Record<string, unknown>): TaskDefinition {
    checkDefinition(input);
    const { tags, ...members } = input;
    const family = String(members['family']);
    const key = arn(region, `task-definition/${family}`);
    const revisions = families.get(key) ?? [];
    const revision = revisions.length + 1;
    const definition: TaskDefinition = {
      ...members,
      family,
      revision,
      containerDefinitions: members['containerDefinitions'] as ContainerDefinition[],
      taskDefinitionArn: `${key}:${revision}`,
      status: 'ACTIVE',
      compatibilities: ['EC2', 'FARGATE'],
      registeredAt: world.now(),
    };
    families.set(key, [...revisions, definition]);
    definitionTags.set(definition.taskDefinitionArn, (tags as Tag[] | undefined) ?? []);
    return definition;
  }

  /** Revisions by the family's name. */
  function familiesIn(region: string): ReadonlyMap<string, readonly TaskDefinition[]> {
    const prefix = arn(region, 'task-definition/');
    return new Map([...families].filter(([key]) => key.startsWith(prefix)).map(([key, revisions]) => [key.slice(prefix.length), revisions]));
  }

  const paged = (arns: readonly string[], { maxResults, nextToken }: ListInput): Page<string> =>
    pageOf(arns, { token: nextToken, size: maxResults, sizeMax: listMax, keyOf: (one) => one, invalidToken: 'InvalidParameterException' });

  // The scheduler of task sets.
  const computedDesiredCount = ({ service, scale, status }: TaskSet): number =>
    status === 'DRAINING' ? 0 : Math.ceil((service.desiredCount * scale.value) / 100);

  function schedule(taskSet: TaskSet): void {
    if (closed) return;
    const wanted = computedDesiredCount(taskSet);
    const living = taskSet.tasks.filter(({ desiredStatus }) => desiredStatus === 'RUNNING');
    for (let count = living.length; count < wanted; count += 1) startTask(taskSet);
    for (const task of living.slice(wanted)) void lives.stop(task, 'ServiceSchedulerInitiated', scaling(taskSet));
  }

  function newTask(region: string, clusterArn: string, clusterName: string, definition: TaskDefinition, availabilityZone: string): EcsTask {
    return {
      taskArn: arn(region, `task/${clusterName}/${world.uniqueId(32)}`),
      region,
      clusterArn,
      externalId: undefined,
      definition,
      availabilityZone,
      createdAt: world.now(),
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      exitCodes: {},
      version: 0,
      lastLines: [],
    };
  }

  function startTask(taskSet: TaskSet): void {
    const { service, definition } = taskSet;
    const task: EcsTask = {
      ...newTask(service.region, service.clusterArn, service.clusterName, definition, emptiestZone(taskSet)),
      ...inSubnets(taskSet.networkConfiguration as NetworkConfiguration),
      serviceName: service.serviceName,
      taskSetId: taskSet.id,
      externalId: taskSet.externalId,
    };
    taskSet.tasks.push(task);
    allTasks.push(task);
    lives.start(task);
  }

  /** ECS spreads the tasks of a service over its zones. */
  function emptiestZone({ service, tasks }: TaskSet): string {
    const zones = ['a', 'b', 'c'].map((letter) => `${service.region}${letter}`);
    const taken = (zone: string): number =>
      tasks.filter((task) => task.desiredStatus === 'RUNNING' && task.availabilityZone === zone).length;
    return zones.toSorted((one, other) => taken(one) - taken(other))[0] as string;
  }

  function replaceLost(task: EcsTask): void {
    const taskSet = [...services.values()].flatMap((service) => service.taskSets).find(({ id }) => id === task.taskSetId);
    if (!taskSet || taskSet.replacing || closed) return;
    taskSet.replacing = true;
    void replaceLater(taskSet);
  }

  async function replaceLater(taskSet: TaskSet): Promise<void> {
    try {
      await world.provision('ecs-task-replace', taskSet.service.region);
    } catch {
      // The world closed meanwhile: nothing is to be replaced.
      return;
    }
    taskSet.replacing = false;
    schedule(taskSet);
  }

  async function removeTaskSet(taskSet: TaskSet): Promise<void> {
    taskSet.status = 'DRAINING';
    taskSet.updatedAt = world.now();
    const { taskSets } = taskSet.service;
    await Promise.all(taskSet.tasks.map((task) => lives.stop(task, 'ServiceSchedulerInitiated', scaling(taskSet))));
    taskSets.splice(taskSets.indexOf(taskSet), 1);
  }

  // How AWS shows them.
  const counts = ({ tasks }: TaskSet): { runningCount: number; pendingCount: number } => ({
    runningCount: tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
    pendingCount: tasks.filter(({ lastStatus }) => lastStatus === 'PROVISIONING' || lastStatus === 'PENDING').length,
  });

  /** "All tasks are reporting a healthy status from … container health checks" is part of being steady. */
  function judgeStability(taskSet: TaskSet): void {
    const { runningCount, pendingCount } = counts(taskSet);
    const checked = taskSet.definition.containerDefinitions.some(({ healthCheck }) => healthCheck);
    const healthy = taskSet.tasks.every((task) => task.lastStatus !== 'RUNNING' || !checked || task.running?.health === 'HEALTHY');
    const steady = runningCount === computedDesiredCount(taskSet) && pendingCount === 0 && healthy ? 'STEADY_STATE' : 'STABILIZING';
    if (steady === taskSet.stabilityStatus) return;
    taskSet.stabilityStatus = steady;
    taskSet.stabilityStatusAt = world.now();
  }

  function describeTaskSet(taskSet: TaskSet, include: readonly string[] = []): Record<string, unknown> {
    judgeStability(taskSet);
    const { service } = taskSet;
    return {
      id: taskSet.id,
      taskSetArn: taskSet.taskSetArn,
      serviceArn: service.serviceArn,
      clusterArn: service.clusterArn,
      startedBy: 'ecs-external',
      ...(taskSet.externalId !== undefined && { externalId: taskSet.externalId }),
      status: taskSet.status,
      taskDefinition: taskSet.definition.taskDefinitionArn,
      computedDesiredCount: computedDesiredCount(taskSet),
      ...counts(taskSet),
      createdAt: taskSet.createdAt,
      updatedAt: taskSet.updatedAt,
      launchType: taskSet.launchType,
      platformVersion: '1.4.0',
      platformFamily: 'Linux',
      ...(taskSet.networkConfiguration !== undefined && { networkConfiguration: taskSet.networkConfiguration }),
      scale: taskSet.scale,
      stabilityStatus: taskSet.stabilityStatus,
      stabilityStatusAt: taskSet.stabilityStatusAt,
      ...(include.includes('TAGS') && { tags: taskSet.tags }),
    };
  }

  function describeService(service: Service, include: readonly string[] = []): Record<string, unknown> {
    const all = service.taskSets.map(counts);
    return {
      serviceArn: service.serviceArn,
      serviceName: service.serviceName,
      clusterArn: service.clusterArn,
      status: 'ACTIVE',
      desiredCount: service.desiredCount,
      runningCount: all.reduce((sum, { runningCount }) => sum + runningCount, 0),
      pendingCount: all.reduce((sum, { pendingCount }) => sum + pendingCount, 0),
      deploymentController: { type: 'EXTERNAL' },
      deployments: [],
      events: [],
      createdAt: service.createdAt,
      taskSets: service.taskSets.map((taskSet) => describeTaskSet(taskSet)),
      ...(include.includes('TAGS') && { tags: service.tags }),
    };
  }

  /** Finds each of the named; what is not there is a failure in the answer, not an error. */
  function lookUp<Found>(arns: readonly string[], find: (name: string) => Found | undefined): { found: Found[]; failures: unknown[] } {
    const pairs = arns.map((name) => [name, find(name)] as const);
    return {
      found: pairs.flatMap(([, one]) => (one === undefined ? [] : [one])),
      failures: pairs.filter(([, one]) => one === undefined).map(([name]) => ({ arn: name, reason: 'MISSING' })),
    };
  }

  const operations: Record<string, OperationHandler> = {
    RegisterTaskDefinition(input, { region }) {
      const definition = register(region, input);
      return { taskDefinition: definition, tags: definitionTags.get(definition.taskDefinitionArn) };
    },
    DescribeTaskDefinition(input, { region }) {
      const definition = definitionOf(region, input.taskDefinition);
      if (!definition) throw client('Unable to describe task definition.');
      const tags = definitionTags.get(definition.taskDefinitionArn);
      return { taskDefinition: definition, ...(input.include?.includes('TAGS') && { tags }) };
    },
    DeregisterTaskDefinition(input, { region }) {
      const definition = input.taskDefinition?.includes(':') ? definitionOf(region, input.taskDefinition) : undefined;
      if (!definition) throw client('The specified task definition does not exist. Specify a valid family and revision and try again.');
      definition.status = 'INACTIVE';
      return { taskDefinition: definition };
    },
    DescribeClusters(input, { region }) {
      const names: string[] = input.clusters ?? ['default'];
      const { found, failures } = lookUp(names, (name) => clusters.get(arn(region, `cluster/${lastPart(name)}`)));
      const shown = found.map(({ clusterArn, clusterName }) => {
        const tasks = allTasks.filter((task) => task.clusterArn === clusterArn);
        return {
          clusterArn,
          clusterName,
          status: 'ACTIVE',
          activeServicesCount: [...services.values()].filter((service) => service.clusterArn === clusterArn).length,
          runningTasksCount: tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
          pendingTasksCount: tasks.filter(({ lastStatus }) => lastStatus === 'PENDING').length,
          registeredContainerInstancesCount: 0,
        };
      });
      return { clusters: shown, failures };
    },
    ListClusters(input, { region }) {
      const { elements, next } = paged([...clusters.values()].filter((cluster) => cluster.region === region).map(({ clusterArn }) => clusterArn), input);
      return { clusterArns: elements, nextToken: next };
    },
    ListServices(input, call) {
      const { clusterArn } = clusterOf(call);
      const here = [...services.values()].filter((service) => service.clusterArn === clusterArn).map(({ serviceArn }) => serviceArn);
      const { elements, next } = paged(here, { maxResults: serviceListUsual, ...input });
      return { serviceArns: elements, nextToken: next };
    },
    ListTaskDefinitionFamilies(input: ListInput & { familyPrefix?: string; status?: string }, { region }) {
      const status = input.status ?? 'ACTIVE';
      const wanted = (revisions: readonly TaskDefinition[]): boolean => {
        const active = revisions.some((one) => one.status === 'ACTIVE');
        return status === 'ALL' || active === (status === 'ACTIVE');
      };
      const names = [...familiesIn(region)].filter(([name, revisions]) => name.startsWith(input.familyPrefix ?? '') && wanted(revisions));
      const { elements, next } = paged(names.map(([name]) => name).sort(), input);
      return { families: elements, nextToken: next };
    },
    ListTaskDefinitions(input: ListInput & { familyPrefix?: string; status?: string; sort?: string }, { region }) {
      const { familyPrefix, status = 'ACTIVE', sort = 'ASC' } = input;
      const arns = [...familiesIn(region)]
        .filter(([name]) => familyPrefix === undefined || name === familyPrefix)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .flatMap(([, revisions]) => revisions.filter((one) => one.status === status).map(({ taskDefinitionArn }) => taskDefinitionArn));
      const { elements, next } = paged(sort === 'DESC' ? arns.reverse() : arns, input);
      return { taskDefinitionArns: elements, nextToken: next };
    },
    DescribeServices(input, call) {
      const { clusterName } = clusterOf(call);
      const named: string[] = input.services;
      const { found, failures } = lookUp(named, (name) => services.get(arn(call.region, `service/${clusterName}/${lastPart(name)}`)));
      return { services: found.map((service) => describeService(service, input.include)), failures };
    },
    CreateTaskSet(input, call) {
      const service = serviceOf(call);
      const { clientToken } = input;
      if (clientToken !== undefined && !/^[\x21-\x7e]{1,36}$/.test(clientToken)) {
        throw invalid('clientToken must be between 1 and 36 ASCII characters in length.');
      }
      const before = clientToken === undefined ? undefined : service.taskSets.find((one) => one.clientToken === clientToken);
      if (before) return { taskSet: describeTaskSet(before) };
      const definition = definitionOf(call.region, input.taskDefinition);
      if (!definition) throw client('TaskDefinition not found.');
      if (definition.status !== 'ACTIVE') throw client('TaskDefinition is inactive');
      if (service.taskSets.length >= taskSetsPerService) {
        throw invalid(
          `${service.taskSets.length} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit.`,
        );
      }
      checkLaunchType(input.launchType);
      checkNetwork(definition, input.networkConfiguration);
      const now = world.now();
      const id = `ecs-svc/${BigInt(`0x${world.uniqueId(15)}`)
        .toString()
        .padStart(19, '1')}`;
      const taskSet: TaskSet = {
        id,
        taskSetArn: arn(call.region, `task-set/${service.clusterName}/${service.serviceName}/${id}`),
        service,
        externalId: input.externalId,
        clientToken,
        definition,
        networkConfiguration: input.networkConfiguration,
        launchType: 'FARGATE',
        tags: input.tags ?? [],
        createdAt: now,
        tasks: [],
        scale: checkScale(input.scale ?? { value: 100, unit: 'PERCENT' }),
        status: 'ACTIVE',
        updatedAt: now,
        stabilityStatus: 'STABILIZING',
        stabilityStatusAt: now,
        replacing: false,
      };
      service.taskSets.push(taskSet);
      schedule(taskSet);
      return { taskSet: describeTaskSet(taskSet) };
    },
    DescribeTaskSets(input, call) {
      const service = serviceOf(call);
      // The API's page calls the list optional, the API refuses to go without; only who runs the rehearsal may.
      if (call.caller.roleArn !== undefined && !input.taskSets?.length) throw invalid('TaskSets cannot be empty.');
      const named: string[] = input.taskSets ?? service.taskSets.map(({ taskSetArn }) => taskSetArn);
      const { found, failures } = lookUp(named, (name) => service.taskSets.find(({ id }) => lastPart(id) === lastPart(name)));
      return { taskSets: found.map((taskSet) => describeTaskSet(taskSet, input.include)), failures };
    },
    UpdateTaskSet(input, call) {
      const taskSet = taskSetOf(serviceOf(call), input.taskSet);
      taskSet.scale = checkScale(input.scale);
      taskSet.updatedAt = world.now();
      schedule(taskSet);
      return { taskSet: describeTaskSet(taskSet) };
    },
    UpdateServicePrimaryTaskSet(input, call) {
      const service = serviceOf(call);
      const taskSet = taskSetOf(service, input.primaryTaskSet);
      if (taskSet.status === 'DRAINING') throw invalid('A task set that is being deleted cannot become the primary one.');
      for (const other of service.taskSets) if (other.status === 'PRIMARY') other.status = 'ACTIVE';
      taskSet.status = 'PRIMARY';
      taskSet.updatedAt = world.now();
      return { taskSet: describeTaskSet(taskSet) };
    },
    DeleteTaskSet(input, call) {
      const taskSet = taskSetOf(serviceOf(call), input.taskSet);
      if (!input.force && taskSet.scale.value > 0) {
        throw invalid('The task set cannot be deleted while it is scaled above 0. Scale it down or use force.');
      }
      if (taskSet.status !== 'DRAINING') void removeTaskSet(taskSet);
      return { taskSet: describeTaskSet(taskSet) };
    },
    ListTasks(input, call) {
      const { clusterArn } = clusterOf(call);
      if (input.startedBy !== undefined && ['serviceName', 'family', 'desiredStatus', 'containerInstance', 'launchType'].some((filter) => input[filter] !== undefined)) {
        throw invalid('startedBy must be the only filter.');
      }
      const service = input.serviceName === undefined ? undefined : serviceOf({ ...call, input: { ...input, service: input.serviceName } });
      const desired = input.desiredStatus ?? 'RUNNING';
      const wanted = allTasks.filter(
        (task) =>
          task.clusterArn === clusterArn &&
          task.desiredStatus === desired &&
          (!service || task.serviceName === service.serviceName) &&
          (input.family === undefined || task.definition.family === input.family) &&
          (input.startedBy === undefined || startedBy(task) === input.startedBy),
      );
      const { elements, next } = paged(wanted.map(({ taskArn }) => taskArn), input);
      return { taskArns: elements, nextToken: next };
    },
    DescribeTasks(input, call) {
      const { clusterArn } = clusterOf(call);
      const { found, failures } = lookUp(input.tasks as string[], (name) => findTask(clusterArn, name));
      return { tasks: found.map(describeTask), failures };
    },
    RunTask(input, call) {
      const { clusterArn, clusterName } = clusterOf(call);
      const { clientToken, count = 1, overrides = {} } = input;
      if (input.startedBy !== undefined && !/^[\w/-]{1,128}$/.test(input.startedBy)) {
        throw invalid('startedBy can have up to 128 letters, numbers, hyphens, forward slashes and underscores.');
      }
      const before = clientToken === undefined ? [] : allTasks.filter((task) => task.clientToken === clientToken);
      if (before.length > 0) return { tasks: before.map(describeTask), failures: [] };
      const definition = definitionOf(call.region, input.taskDefinition);
      if (!definition) throw client('TaskDefinition not found.');
      if (definition.status !== 'ACTIVE') throw client('TaskDefinition is inactive');
      checkLaunchType(input.launchType ?? (onFargate.has(clusterArn) ? 'FARGATE' : undefined));
      checkNetwork(definition, input.networkConfiguration);
      const { containerOverrides = [], ...others } = overrides as { containerOverrides?: { name: string; command?: string[] }[] };
      const ofContainers = containerOverrides.flatMap((override) => Object.keys(override).filter((key) => !['name', 'command'].includes(key)));
      const foreign = [...Object.keys(others), ...ofContainers];
      if (foreign.length > 0 || count !== 1) {
        throw invalid(`Of RunTask, one task and the override of commands are modelled, not ${foreign.join(', ') || `a count of ${count}`}.`);
      }
      const known = definition.containerDefinitions.map(({ name }) => name);
      const stranger = containerOverrides.find(({ name }) => !known.includes(name));
      if (stranger) throw invalid(`Override for container named ${stranger.name} is not a container in the TaskDefinition.`);
      const task: EcsTask = {
        ...newTask(call.region, clusterArn, clusterName, definition, `${call.region}a`),
        ...inSubnets(input.networkConfiguration),
        ...(clientToken !== undefined && { clientToken }),
        ...(input.startedBy !== undefined && { label: input.startedBy }),
        commands: Object.fromEntries(containerOverrides.flatMap(({ name, command }) => (command ? [[name, command]] : []))),
      };
      allTasks.push(task);
      lives.start(task);
      return { tasks: [describeTask(task)], failures: [] };
    },
    StopTask(input, call) {
      const { clusterArn } = clusterOf(call);
      const task = findTask(clusterArn, input.task);
      if (!task) throw invalid('The referenced task was not found.');
      if (task.desiredStatus === 'RUNNING') {
        void lives.stop(task, 'UserInitiated', input.reason ?? 'Task stopped by user');
        replaceLost(task);
      }
      return { task: describeTask(task) };
    },
  };

  function findTask(clusterArn: string, nameOrArn: string): EcsTask | undefined {
    return allTasks.find((task) => task.clusterArn === clusterArn && lastPart(task.taskArn) === lastPart(nameOrArn));
  }

  const resources: Record<string, ResourceHandler> = {
    'AWS::ECS::Cluster': ({ region, properties, generatedName }) => {
      const clusterName = properties['ClusterName'] ?? generatedName;
      const clusterArn = arn(region, `cluster/${clusterName}`);
      clusters.set(clusterArn, { clusterArn, clusterName, region });
      return { ref: clusterName, attributes: { Arn: clusterArn } };
    },
    'AWS::ECS::ClusterCapacityProviderAssociations': ({ region, properties, generatedName }) => {
      const strategy = (properties['DefaultCapacityProviderStrategy'] ?? []) as readonly { readonly CapacityProvider: string }[];
      const foreign = strategy.find(({ CapacityProvider }) => !CapacityProvider.startsWith('FARGATE'));
      if (foreign) throw invalid(`The capacity provider ${foreign.CapacityProvider} is not modelled; Fargate's own are.`);
      if (strategy.length > 0) onFargate.add(arn(region, `cluster/${lastPart(String(properties['Cluster']))}`));
      return { ref: generatedName, attributes: {} };
    },
    'AWS::ECS::TaskDefinition': ({ region, properties, generatedName }) => {
      const definition = register(region, { family: generatedName, ...(lowerKeys(properties) as Record<string, unknown>) });
      return { ref: definition.taskDefinitionArn, attributes: { TaskDefinitionArn: definition.taskDefinitionArn } };
    },
    'AWS::ECS::Service': ({ region, properties, generatedName, logicalId }) => {
      const type = properties['DeploymentController']?.Type ?? 'ECS';
      if (type !== 'EXTERNAL') {
        throw invalid(`${logicalId}: the deployment controller ${type} is not modelled; only EXTERNAL is`);
      }
      const foreign = Object.keys(properties).filter((name) => !ofExternalService.has(name));
      if (foreign.length > 0) {
        throw invalid(`${logicalId}: ${foreign.join(', ')} cannot be given to a service with the EXTERNAL controller, only to its task sets.`);
      }
      const cluster = clusters.get(arn(region, `cluster/${lastPart(properties['Cluster'] ?? 'default')}`));
      if (!cluster) throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
      const serviceName = properties['ServiceName'] ?? generatedName;
      const serviceArn = arn(region, `service/${cluster.clusterName}/${serviceName}`);
      services.set(serviceArn, {
        serviceArn,
        serviceName,
        clusterArn: cluster.clusterArn,
        clusterName: cluster.clusterName,
        region,
        desiredCount: Number(properties['DesiredCount'] ?? 1),
        createdAt: world.now(),
        tags: lowerKeys(properties['Tags'] ?? []) as Tag[],
        taskSets: [],
      });
      return { ref: serviceArn, attributes: { Name: serviceName, ServiceArn: serviceArn } };
    },
  };

  return {
    service: 'ecs',
    operations,
    resources,
    tasks: () => allTasks,
    async regionLost(region) {
      lives.regionLost(region);
    },
    async close() {
      closed = true;
      await lives.close(allTasks);
    },
  };
}

function checkDefinition(input: Record<string, unknown>): void {
  const unknown = Object.keys(input).filter((member) => !registrable.has(member));
  if (unknown.length > 0)
    throw client(`RegisterTaskDefinition takes no ${unknown.join(', ')}: remove what only a registered revision has.`);
  const { family } = input;
  if (typeof family !== 'string' || !/^[\w-]{1,255}$/.test(family)) throw client('Family contains invalid characters.');
  const containers = input['containerDefinitions'] as ContainerDefinition[] | undefined;
  if (!containers?.length) throw client('Container list cannot be empty.');
  if (!containers.some(({ essential }) => essential ?? true)) throw client('At least one container must be marked as essential.');
  if (!(input['requiresCompatibilities'] as string[] | undefined)?.includes('FARGATE')) return;
  if (input['networkMode'] !== 'awsvpc') throw client("Fargate only supports network mode 'awsvpc'.");
  for (const size of ['cpu', 'memory']) {
    if (input[size] === undefined) throw client(`Fargate requires that '${size}' be defined at the task level.`);
  }
  const late = containers.find(({ stopTimeout }) => (stopTimeout ?? 0) > 120);
  if (late) throw client(`Fargate allows a stopTimeout of at most 120 seconds; container '${late.name}' has ${late.stopTimeout}.`);
}

function checkLaunchType(launchType = 'EC2'): void {
  if (launchType !== 'FARGATE') throw invalid(`The launch type ${launchType} (EC2 when not said) is not modelled; only FARGATE is.`);
}

type NetworkConfiguration = { readonly awsvpcConfiguration?: { readonly subnets?: readonly string[] } } | undefined;

function inSubnets(networkConfiguration: NetworkConfiguration): { readonly subnets?: readonly string[] } {
  const subnets = networkConfiguration?.awsvpcConfiguration?.subnets;
  return subnets === undefined ? {} : { subnets };
}

function checkNetwork(definition: TaskDefinition, networkConfiguration: NetworkConfiguration): void {
  if (definition['networkMode'] === 'awsvpc' && !networkConfiguration?.awsvpcConfiguration?.subnets?.length) {
    throw invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
}

function checkScale(scale: { value?: number; unit?: string } | undefined): TaskSet['scale'] {
  const { value, unit } = scale ?? {};
  if (value === undefined || value < 0 || value > 100 || unit !== 'PERCENT') {
    throw invalid('Scale value must be a number between 0 and 100 with the unit PERCENT.');
  }
  return { value, unit };
}

/** CloudFormation's `Name` is the API's `name`; what the user named himself keeps its case. */
function lowerKeys(value: unknown): unknown {
  const usersOwn = new Set(['Options', 'DockerLabels']);
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    key.charAt(0).toLowerCase() + key.slice(1),
    usersOwn.has(key) ? inner : lowerKeys(inner),
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}
