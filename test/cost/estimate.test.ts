/**
 * The estimate against sums made by hand, and against every template of every environment: nothing in them is without a price
 * or a reason to have none, and whatever has no price is named instead of counted as zero.
 */
import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { assumed, AssumptionError } from '../../lib/cost/assumptions.ts';
import { difference, type Estimate, estimate, groupBy, type Line, risesTooMuch, total } from '../../lib/cost/estimate.ts';
import { loadPriceTable, priceTableText } from '../../lib/cost/price-table.ts';
import { compareWithReference } from '../../lib/cost/reference-bill.ts';
import { differenceInWords, reportOf } from '../../lib/cost/report.ts';
import { readStacks } from '../../lib/cost/assembly.ts';
import type { PricedStack, Resource } from '../../lib/cost/stacks.ts';
import { environmentNames, loadSettings } from '../../lib/settings/index.ts';
import { assemblyOf } from '../assemblies.ts';

const table = loadPriceTable();
const home = 'us-east-1';
const away = 'us-west-2';
const stackOf = (resources: Record<string, readonly [string, Record<string, unknown>]>, region = home, name = 'stack'): PricedStack => ({
  name, region, resources: Object.entries(resources).map(([logicalId, [type, properties]]): Resource => ({ logicalId, type, properties })),
});
const estimated = (stacks: readonly PricedStack[], assume: readonly string[] = []): Estimate => estimate({ stacks, table, assumed: assumed(assume), home });
const usdOf = ({ lines }: Estimate, what: string | RegExp): number => total(lines.filter((line) => (typeof what === 'string' ? line.what === what : what.test(line.what))));

const book = (capital = 100_000): Record<string, readonly [string, Record<string, unknown>]> => ({
  Service: ['AWS::ECS::Service', { ServiceName: 'baton-x-alpha', DesiredCount: 2 }],
  Task: ['AWS::ECS::TaskDefinition', {
    Family: 'baton-x-alpha-template', Cpu: '1024', Memory: '2048', RuntimePlatform: { CpuArchitecture: 'X86_64' },
    ContainerDefinitions: [{ Environment: [{ Name: 'BATON_CAPITAL', Value: String(capital) }, { Name: 'BATON_SYMBOL', Value: 'BTC/USDT' }, { Name: 'BATON_ORDERS_PER_SECOND', Value: '10' }] }],
  }],
});
const database = {
  Database: ['AWS::RDS::DBInstance', {
    Engine: 'postgres', DBInstanceClass: 'db.t4g.medium', AllocatedStorage: '100', StorageType: 'gp3', MultiAZ: true, BackupRetentionPeriod: 30,
  }],
} as const;

describe('worked examples', () => {
  test('two tasks of 1 vCPU and 2 GB around the clock', () => {
    const result = estimated([stackOf(book())], ['warmHours=0']);
    // 2 × 730 h × (0.04048 + 2 × 0.004445)
    expect(usdOf(result, /^task that/)).toBeCloseTo(72.08, 2);
    expect(result.unpriced).toEqual([]);
  });

  test('half of them, rounded up, in the Region that is not home', () => {
    expect(usdOf(estimated([stackOf(book(), away)]), /^task that stands by/)).toBeCloseTo(36.04, 2);
  });

  test('a canary is told from its book by a tenth of its capital', () => {
    const canary = Object.fromEntries(Object.entries(book(10_000)).map(([name, [type, properties]]) => [
      `Canary${name}`, [type, JSON.parse(JSON.stringify(properties).replaceAll('-alpha', '-alphac'))] as const,
    ]));
    const { lines } = estimated([stackOf({ ...book(), ...canary })], ['warmHours=0']);
    const ofCanaries = lines.filter(({ requirement }) => requirement === 'a canary of a book');
    expect([...new Set(ofCanaries.map(({ resource }) => resource))]).toEqual(['CanaryService']);
    expect(total(ofCanaries)).toBeCloseTo(72.08, 2);
  });

  test('PostgreSQL in two zones with its storage and what its backups exceed it by', () => {
    const result = estimated([stackOf(database)]);
    // 730 × 0.13 + 100 × 0.23 + 30 × 0.095
    expect(total(result.lines)).toBeCloseTo(120.75, 2);
    expect(total(result.lines.filter(({ requirement }) => requirement === 'a database in two zones'))).toBeCloseTo(730 * 0.065 + 11.5, 2);
  });

  test('a read replica in the other Region is what its source is, in one zone, and its log is sent there', () => {
    const replica = { Replica: ['AWS::RDS::DBInstance', { SourceDBInstanceIdentifier: 'arn:…:db:baton-x', DBInstanceClass: 'db.t4g.medium' }] } as const;
    const result = estimated([stackOf(database), stackOf(replica, away)]);
    const own = result.lines.filter(({ resource }) => resource === 'Replica');
    expect(own.map(({ what, region, bill, usd }) => [what, region, bill, Number(usd.toFixed(2))])).toEqual([
      ['read replica', away, 'replica', 47.45], ['100 GB', away, 'replica', 11.5], ['backups beyond the free share', away, 'storage', 0],
      ['replication', home, 'transfer', 0.6],
    ]);
    expect(own[0]?.standsIn, 'the table has no price of RDS there').toBe(true);
  });

  test('the lease: five renewals a lease by the holder, five registrations by everybody, written in both Regions', () => {
    const replicas = [{ Region: away }, { Region: home }];
    const state = {
      Lease: ['AWS::DynamoDB::GlobalTable', { TableName: 'baton-x-lease', Replicas: replicas }],
      Journal: ['AWS::DynamoDB::GlobalTable', { TableName: 'baton-x-journal', Replicas: replicas }],
      Book: ['Custom::BatonBook', { Book: 'alpha', LeaseMs: 5000 }],
    } as const;
    const { lines } = estimated([stackOf({ ...state, ...book() }), stackOf(book(), away, 'other')]);
    const units = (resource: string, what: string, region: string): number =>
      lines.filter((line) => line.resource === resource && line.what === what && line.region === region).reduce((sum, { quantity }) => sum + quantity, 0);
    const seconds = 730 * 3600;
    // A holder, its standby, one more in the other Region.
    expect(units('Lease', 'writes', home)).toBe(seconds * (1 + 3));
    expect(units('Lease', 'writes', away)).toBe(seconds * (1 + 3));
    expect(units('Lease', 'reads', home)).toBe(seconds * (1 + 2));
    expect(units('Lease', 'reads', away)).toBe(seconds * 2);
    expect(units('Journal', 'writes', home)).toBe(seconds * 10 * 2);
    expect(units('Journal', 'reads', home)).toBe(0);
  });

  test('a function that a schedule calls every minute, and one that none does', () => {
    const lambda = ['AWS::Lambda::Function', { Architectures: ['arm64'], MemorySize: 512 }] as const;
    const watched = stackOf({
      Watch: lambda, Other: lambda,
      Minutely: ['AWS::Events::Rule', { ScheduleExpression: 'rate(1 minute)', Targets: [{ Arn: { 'Fn::GetAtt': ['Watch', 'Arn'] } }] }],
    });
    const calls = Object.fromEntries(estimated([watched]).lines.filter(({ what }) => what === 'requests').map(({ resource, quantity }) => [resource, Math.round(quantity)]));
    expect(calls).toEqual({ Watch: 43_800, Other: 500 });
  });

  test.each([
    ['an alarm on a metric', { Period: 60 }, 0.1],
    ['on the sum of two', { Metrics: [{ Id: 'sum', Expression: 'a+b' }, { Id: 'a', MetricStat: {} }, { Id: 'b', MetricStat: {} }] }, 0.2],
    ['of high resolution', { Period: 10 }, 0.3],
  ])('%s', (_, properties, usd) => {
    expect(total(estimated([stackOf({ Alarm: ['AWS::CloudWatch::Alarm', properties] })]).lines)).toBeCloseTo(usd, 6);
  });

  test('the traffic of the home Region is not charged again in the other', () => {
    const network = { Vpc: ['AWS::EC2::VPC', {}], Nat: ['AWS::EC2::NatGateway', {}], Address: ['AWS::EC2::EIP', {}] } as const;
    const result = estimated([stackOf(network), stackOf(network, away, 'other')], ['natGb=100', 'internetGb=10', 'zoneGb=0']);
    const regions = groupBy(result.lines, ({ region }) => region);
    expect(total(regions.get(home) ?? [])).toBeCloseTo(32.85 + 4.5 + 3.65 + 0.9, 6);
    expect(total(regions.get(away) ?? [])).toBeCloseTo(32.85 + 3.65, 6);
  });
});

describe('what has no price is named', () => {
  test.each([
    ['a type that nobody knows', 'AWS::Redshift::Cluster', {}, /nobody has said what this type costs/],
    ['a class that the table lacks', 'AWS::RDS::DBInstance', { ...database.Database[1], DBInstanceClass: 'db.x9.huge' }, /no 'rds\.postgres\.single-az\.db\.x9\.huge'/],
    ['an engine that no rule knows', 'AWS::RDS::DBInstance', { ...database.Database[1], Engine: 'oracle-ee' }, /an engine oracle-ee/],
    ['a number that only the deployment knows', 'AWS::ElastiCache::ReplicationGroup', { Engine: 'valkey', CacheNodeType: 'cache.t4g.small', NumCacheClusters: { Ref: 'Nodes' } }, /NumCacheClusters is \{"Ref":"Nodes"\}/],
    ['an endpoint of a kind that nobody has priced', 'AWS::EC2::VPCEndpoint', { VpcEndpointType: 'GatewayLoadBalancer' }, /an endpoint of type GatewayLoadBalancer/],
    ['a service without a template', 'AWS::ECS::Service', { ServiceName: 'other', DesiredCount: 1 }, /no task definition of the family other-template/],
    ['an express workflow', 'AWS::StepFunctions::StateMachine', { StateMachineType: 'EXPRESS' }, /of type EXPRESS/],
    ['an advanced parameter', 'AWS::SSM::Parameter', { Tier: 'Advanced' }, /of the tier Advanced/],
    ['logs for ever', 'AWS::Logs::LogGroup', {}, /grows for ever/],
    ['a global table of unknown use', 'AWS::DynamoDB::GlobalTable', { TableName: 'other', Replicas: [{ Region: home }, { Region: away }] }, /whose use nobody has counted/],
  ])('%s', (_, type, properties, why) => {
    const { unpriced } = estimated([stackOf({ Thing: [type, properties] })]);
    expect(unpriced[0]).toMatchObject({ stack: 'stack', resource: 'Thing', type });
    expect(unpriced[0]?.why).toMatch(why);
    const report = reportOf(estimated([stackOf({ Thing: [type, properties] })]), { environment: 'dev', home, assumed: assumed() });
    expect(report).toContain(`stack Thing (${type})`);
  });
});

describe('assumptions', () => {
  test('each can be set', () => {
    expect(assumed(['natGb=200', 'hours=1']).natGb).toBe(200);
    expect(assumed().hours).toBe(730);
  });

  test.each([['speed=1', "'speed=1' sets no assumption"], ['natGb', "'natGb' sets no assumption"], ['natGb=many', "seen 'many'"], ['natGb=-1', "seen '-1'"]])('%s is refused', (given, words) => {
    expect(() => assumed([given])).toThrow(AssumptionError);
    expect(() => assumed([given])).toThrow(words);
  });
});

describe('the difference', () => {
  const dearer = { Database: ['AWS::RDS::DBInstance', { ...database.Database[1], DBInstanceClass: 'db.m7g.large' }] } as const;

  test('names what changed, the dearest first, and that it needs approval', () => {
    const change = difference(estimated([stackOf({ ...database, Key: ['AWS::KMS::Key', {}] })]), estimated([stackOf(dearer)]));
    expect(change.changes.map(({ resource, beforeUsd, afterUsd }) => [resource, Math.round(afterUsd - beforeUsd)])).toEqual([['Database', 151], ['Key', -2]]);
    expect(risesTooMuch(change)).toBe(true);
    expect(differenceInWords('v1', change)).toMatch(/^Against v1: 122\.81 → 271\.86 USD a month, \+149\.05 \(\+121\.4 %\); a change record says costImpactUsdMonthly 149\.\n[^]*more than \+10 %/);
  });

  test('names what came without a price', () => {
    const odd = { ...database, Odd: ['AWS::Redshift::Cluster', {}] } as const;
    expect(difference(estimated([stackOf(database)]), estimated([stackOf(odd)])).newlyUnpriced.map(({ resource }) => resource)).toEqual(['Odd']);
    expect(difference(estimated([stackOf(odd)]), estimated([stackOf(odd)])).newlyUnpriced).toEqual([]);
  });

  test.each([[100, 110, false], [100, 110.01, true], [100, 50, false], [0, 0, false], [0, 1, true]])('from %d to %d', (beforeUsd, afterUsd, tooMuch) => {
    expect(risesTooMuch({ beforeUsd, afterUsd })).toBe(tooMuch);
  });

  test('of an estimate to itself is none', () => {
    const same = estimated([stackOf({ ...database, ...book() })]);
    expect(difference(same, same)).toMatchObject({ changes: [], newlyUnpriced: [] });
  });
});

describe('every environment', () => {
  const estimates = new Map<string, { readonly result: Estimate; readonly home: string }>();
  beforeAll(() => {
    for (const name of environmentNames) {
      const stacks = readStacks(assemblyOf(name as 'dev' | 'staging' | 'production').directory);
      const where = loadSettings(name).regions.home.name;
      estimates.set(name, { result: estimate({ stacks, table, assumed: assumed(), home: where }), home: where });
    }
  }, 540_000);
  const of = (name: string): { readonly result: Estimate; readonly home: string } => estimates.get(name) as never;

  test.each(environmentNames)('%s: everything has a price or a reason to have none, but for the witness', (name) => {
    expect(of(name).result.unpriced.filter(({ why }) => !why.startsWith('its witness'))).toEqual([]);
    expect(of(name).result.lines.length).toBeGreaterThan(100);
  });

  test('production: every row of the bill of the sources is explained to the cent', () => {
    const { result, home: where } = of('production');
    const atHome = result.lines.filter(({ region }) => region === where);
    const compared = compareWithReference(atHome);
    expect(compared.reduce((sum, { theirsUsd }) => sum + theirsUsd, 0)).toBe(307);
    expect(compared.reduce((sum, { oursUsd }) => sum + oursUsd, 0)).toBeCloseTo(total(atHome), 6);
    for (const { what, theirsUsd, oursUsd, because } of compared) {
      expect(because.reduce((sum, { usd }) => sum + usd, 0), what).toBeCloseTo(oursUsd - theirsUsd, 6);
    }
  });

  test('production: what the sources have too costs about what they say, within a quarter', () => {
    const { result, home: where } = of('production');
    const shared = compareWithReference(result.lines.filter(({ region, bill }) => region === where || bill === 'replica')).filter(({ theirsUsd }) => theirsUsd > 0);
    const ours = shared.reduce((sum, { oursUsd }) => sum + oursUsd, 0);
    expect(ours).toBeGreaterThan(307 * 0.9);
    expect(ours).toBeLessThan(307 * 1.25);
  });

  test('the report says whether an environment fits what it is to cost, and what its requirements cost', () => {
    const { result, home: where } = of('dev');
    const report = reportOf(result, { environment: 'dev', home: where, assumed: assumed(['natGb=7']) });
    const [, over = '', listed = ''] = /dev is to fit 100 USD a month in its home Region and exceeds it by (\d+\.\d\d)\. What it costs there is\n((?: {2}.+\n)+)/.exec(report) ?? [];
    const figures = listed.trimEnd().split('\n').map((line) => Number(/(\S+)$/.exec(line)?.[1]));
    expect(figures.length).toBeGreaterThan(5);
    expect(figures.reduce((sum, usd) => sum + usd, 0), 'to the cent, but for rounding each').toBeCloseTo(100 + Number(over), 0);
    expect(figures.at(-1), 'without what is required beside a bot, it would fit').toBeLessThan(100);
    expect(report).toMatch(/What single requirements cost\n {2}a lease and a journal/);
    expect(report).toContain('natGb=7');
    expect(report).toContain('(usually 50)');
    expect(report.indexOf(`${where}, home`)).toBeLessThan(report.indexOf(`${away}, by itself`));
  });

  test('whatever it is grouped by, it is the same sum', () => {
    const { lines } = of('staging').result;
    fc.assert(
      fc.property(fc.constantFrom<(keyof Line)[]>('stack', 'region', 'service', 'resource', 'type', 'what'), (key) => {
        const sums = [...groupBy(lines, (line) => String(line[key]))].map(([, group]) => total(group));
        expect(sums.reduce((whole, sum) => whole + sum, 0)).toBeCloseTo(total(lines), 6);
      }),
    );
  });
});

describe('the table of prices', () => {
  test('is written as it stands', () => {
    expect(priceTableText(table)).toBe(readFileSync(new URL('../../lib/cost/prices.json', import.meta.url), 'utf8'));
  });

  test('has a source and a day for each price, and a use for each source', () => {
    const used = new Set(table.rows.flatMap(({ prices }) => Object.values(prices).map(({ source }) => source)));
    expect(used).toEqual(new Set(Object.keys(table.sources)));
    for (const { id, prices } of table.rows) expect(Object.keys(prices), id).toContain('us-east-1');
  });
});
