/** Settings are complete, and a wrong one is refused with what was wrong, what was seen, and what to do. */
import { describe, expect, test } from 'vitest';
import { quotingFor, usualQuoting } from '../../lib/trading/quoting.ts';
import { environmentNames, loadSettings, parseSettings, SettingsError, settingsInputOf } from '../../lib/settings/index.ts';

/** Settings of which anything may be spoilt, as a person can in a file. */
type Editable = Record<string, any>;
function editable(): Editable {
  return structuredClone(settingsInputOf('dev'));
}

test('three environments of one shape', () => {
  expect(environmentNames).toEqual(['dev', 'staging', 'production']);
  for (const name of environmentNames) expect(loadSettings(name).environment).toBe(name);
});

test('no two environments share an account or addresses', () => {
  const all = environmentNames.map(loadSettings);
  expect(new Set(all.map(({ account }) => account)).size).toBe(3);
  expect(new Set(all.flatMap(({ regions }) => [regions.first.cidr, regions.second.cidr])).size).toBe(6);
});

test('production has what real money needs', () => {
  const production = loadSettings('production');
  expect(production.database).toMatchObject({ deletionProtection: true, retentionDays: 30, allocatedGb: 100 });
  expect(production.network.natGateways).toBe(2);
});

test('home is one of the two Regions, and the other one is the standby', () => {
  const written = settingsInputOf('production');
  const { first, second } = written.regions;
  expect(parseSettings(written, 'x').regions).toMatchObject({ first, second, home: first, standby: second });
  expect(parseSettings({ ...written, home: second.name }, 'x').regions).toMatchObject({ first, second, home: second, standby: first });
});

test('an environment that is not there is refused with those that are', () => {
  expect(() => loadSettings('prod')).toThrow("There is no environment 'prod'. Choose one of dev, staging, production");
  expect(() => loadSettings('toString')).toThrow(SettingsError);
});

describe('a wrong setting', () => {
  test.each<[string, (settings: Editable) => void, RegExp]>([
    ['too large', (s) => (s['network'].natGateways = 9), /network\.natGateways: .*Seen: 9\. Set it to 3 or less\./],
    ['too small', (s) => (s['lease'].leaseMs = 1), /lease\.leaseMs: .*Seen: 1\. Set it to 1000 or more\./],
    ['missing', (s) => delete s['tags'].Owner, /tags\.Owner: .*Seen: nothing\. Give a string\./],
    ['of another type', (s) => (s['database'].allocatedGb = '100'), /database\.allocatedGb: .*Seen: "100"\. Give a /],
    ['unknown', (s) => (s['lease'].leaseSeconds = 5), /lease: .*Remove 'leaseSeconds', or correct the spelling\./],
    ['not one of a list', (s) => (s['logs'].retentionDays = 8), /logs\.retentionDays: .*Seen: 8\. Set it to one of: 7, 14, 30/],
    ['no address', (s) => (s['books'][0].venueUrl = 'bybit'), /books\[0\]\.venueUrl: .*Seen: "bybit"\. Give a valid url\./],
    ['a name too long', (s) => (s['books'][0].name = 'Alphabetical'), /books\[0\]\.name: .*Seen: "Alphabetical"\. Set it to 1–10 lower/],
    ['two books of one name', (s) => s['books'].push(s['books'][0]), /books: each book needs a name of its own/],
    ["the drills' own book", (s) => (s['books'][0].name = 'drill'), /books\[0\]\.name: another name: drill is the book that drills trade on paper/],
    [
      'a zone of another Region',
      (s) => (s['regions'].first.zones[0] = 'us-west-2a'),
      /regions\.first\.zones: .*different zones of us-east-1/,
    ],
    ['the same addresses twice', (s) => (s['regions'].second.cidr = s['regions'].first.cidr), /regions\.second\.cidr: .*other addresses than/],
    ['a home that is neither', (s) => (s['home'] = 'us-east-2'), /home: .*Seen: "us-east-2"\. .*us-east-1 or us-west-2/],
    ['one Region twice', (s) => (s['regions'].witness.name = 'us-east-1'), /regions: .*three different Regions/],
    ['a canary that is no book', (s) => (s['books'][0].canary = 'nosuch'), /books\[0\]\.canary: .*Seen: "nosuch"\. Set it so that this holds: the name of another book/],
    ['a book as its own canary', (s) => (s['books'][0].canary = 'alpha'), /books\[0\]\.canary: the name of another book/],
    ['a canary of a canary', (s) => (s['books'][1].canary = 'alpha'), /books\[0\]\.canary: a book that has no canary itself/],
    ['a canary of two books', (s) => s['books'].push({ ...s['books'][0], name: 'beta' }), /books\[0\]\.canary: a book that is the canary of no other/],
    ['a canary with too much', (s) => (s['books'][1].capital = 10_001), /books\[0\]\.canary: a book with a tenth of the capital at most; alphac has 10001 of 100000/],
    ['a canary elsewhere', (s) => (s['books'][1].symbol = 'ETH/USDT'), /books\[0\]\.canary: a book of the same venue, symbol/],
    ['a canary without anybody to decide', (s) => (s['approvals'].approvers = []), /approvals\.approvers: somebody who decides where a canary does not/],
    ['a watch longer than a function lives', (s) => (s['lease'].leaseMs = 60_000), /recovery\.silentLeases: .*over in 10 minutes/],
    ['Regions of different sets', (s) => (s['regions'].witness.name = 'eu-west-1'), /regions: .*one Region set: us-east-1, us-east-2/],
  ])('%s', (_, spoil, message) => {
    const settings = editable();
    spoil(settings);
    expect(() => parseSettings(settings, 'lib/settings/dev.ts')).toThrow(message);
    expect(() => parseSettings(settings, 'lib/settings/dev.ts')).toThrow('Wrong settings in lib/settings/dev.ts:');
  });
});

test('a canary has a tenth of the capital and sizes that follow it, and no cutover of production waits for one', () => {
  const [book, canary] = loadSettings('staging').books;
  expect(canary).toMatchObject({ name: book!.canary, capital: book!.capital / 10 });
  expect(quotingFor(book!.capital)).toEqual(usualQuoting);
  expect(quotingFor(canary!.capital).positionLimit).toBeCloseTo(usualQuoting.positionLimit / 10, 12);
  expect(quotingFor(canary!.capital).quantity).toBe(0.0001);
  expect(loadSettings('production').books.every((each) => each.canary === undefined)).toBe(true);
});

test('every fault is named at once', () => {
  const settings = editable();
  settings['network'].natGateways = 9;
  settings['account'] = '1';
  expect(() => parseSettings(settings, 'x')).toThrow(/account: .*\n.*natGateways: /);
});
