/** What Prometheus can read from a task: the lease, its writes, the venue's clock, and what the trader reports. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TraderStatus } from '../../lib/contracts/guard-api.ts';

const states = ['standby', 'granted', 'held', 'draining', 'stopped'] as const;
const gaugeName = /^[a-zA-Z_][a-zA-Z0-9_]{0,99}$/;
/** More than a trader needs, and few enough that a mistake in a loop cannot fill the memory. */
const traderGaugesMax = 200;

export interface MetricsReading {
  readonly state: (typeof states)[number];
  readonly epoch: number | null;
  readonly validForSeconds: number;
  readonly venueUncertaintySeconds: number | undefined;
  readonly statusAgeSeconds: number | undefined;
  readonly healthy: boolean;
  /** Of the venue's key: versions, never the key. */
  readonly keyVersions: { readonly proved: string | undefined; readonly used: string | undefined };
  readonly keyProofAgeSeconds: number | undefined;
  readonly keyRefused: boolean;
}

export class GuardMetrics {
  readonly #registry = new Registry();
  readonly #traderGauges = new Map<string, Gauge>();
  readonly #trader: Gauge<'condition'>;
  readonly permits: Counter<'result'>;
  readonly transitions: Counter<'to'>;
  readonly writes: Histogram<'write' | 'outcome'>;
  readonly storeFailures: Counter<'call'>;
  readonly refusedTunnels: Counter<'reason'>;

  constructor(read: () => MetricsReading) {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, value: (reading: MetricsReading) => number): void => {
      new Gauge({ name, help, registers, collect() { this.set(value(read())); } });
    };
    new Gauge({
      name: 'baton_lease_state',
      help: '1 for the state this guard is in, 0 for the others',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of states) this.set({ state }, read().state === state ? 1 : 0);
      },
    });
    gauge('baton_lease_epoch', 'Epoch of the lease held or granted; 0 while none is', (reading) => reading.epoch ?? 0);
    gauge('baton_lease_validity_seconds', 'How long orders may still be sent; 0 while they may not', (now) => now.validForSeconds);
    gauge(
      'baton_venue_clock_uncertainty_seconds',
      "How far the venue's clock may be off; NaN before it was measured",
      (now) => now.venueUncertaintySeconds ?? NaN,
    );
    gauge('baton_trader_status_age_seconds', 'Since the trader last reported; NaN before it did', (now) => now.statusAgeSeconds ?? NaN);
    gauge('baton_guard_healthy', '1 while /healthz says healthy', (reading) => (reading.healthy ? 1 : 0));
    new Gauge({
      name: 'baton_venue_key_info',
      help: "1 for the version of the venue's key that this guard proved, and for the one that its trader signs with; their first eight characters",
      labelNames: ['of', 'version'],
      registers,
      collect() {
        this.reset();
        for (const [of, version] of Object.entries(read().keyVersions)) if (version !== undefined) this.set({ of, version: version.slice(0, 8) }, 1);
      },
    });
    gauge('baton_venue_key_proof_age_seconds', 'Since the venue last accepted a signed request of this guard; NaN before', (now) => now.keyProofAgeSeconds ?? NaN);
    gauge('baton_venue_key_refused', '1 while the venue refuses the key in use', (now) => (now.keyRefused ? 1 : 0));
    this.#trader = new Gauge({
      name: 'baton_trader_condition',
      help: "The trader's report, 1 for true",
      labelNames: ['condition'],
      registers,
    });
    this.permits = new Counter({
      name: 'baton_permits_total',
      help: 'Permits asked for by HTTP, by result',
      labelNames: ['result'],
      registers,
    });
    this.transitions = new Counter({
      name: 'baton_lease_transitions_total',
      help: 'Changes of state, by the new state',
      labelNames: ['to'],
      registers,
    });
    this.writes = new Histogram({
      name: 'baton_lease_write_seconds',
      help: 'Conditional writes to the lease, by kind and outcome',
      labelNames: ['write', 'outcome'],
      buckets: [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1],
      registers,
    });
    this.refusedTunnels = new Counter({
      name: 'baton_proxy_refused_total',
      help: 'Tunnels that the forward proxy refused, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.storeFailures = new Counter({
      name: 'baton_lease_store_failures_total',
      help: 'Reads and registrations that the table did not answer',
      labelNames: ['call'],
      registers,
    });
  }

  /** How many tunnels the forward proxy has open: told by whoever has one. */
  tunnels(count: () => number): void {
    const registers = [this.#registry];
    new Gauge({ name: 'baton_proxy_tunnels', help: "Tunnels of the bot to the venue's order hosts", registers, collect() { this.set(count()); } });
  }

  /** Ask `problemWith` first. */
  takeTrader(status: TraderStatus): void {
    for (const condition of ['venueConnected', 'redisReachable', 'databaseWritable', 'reconciled', 'ready'] as const) {
      this.#trader.set({ condition }, status[condition] ? 1 : 0);
    }
    for (const [name, value] of Object.entries(status.gauges ?? {})) this.#gaugeOf(name).set(value);
  }

  /** What is wrong with the gauges' names, if anything. */
  problemWith(gauges: Readonly<Record<string, number>>): string | undefined {
    const names = Object.keys(gauges);
    const bad = names.find((name) => !gaugeName.test(name));
    if (bad !== undefined) return `gauge '${bad}' is not a Prometheus name: letters, digits and underscores, at most 100`;
    const added = names.filter((name) => !this.#traderGauges.has(name)).length;
    if (this.#traderGauges.size + added <= traderGaugesMax) return undefined;
    return `more than ${traderGaugesMax} different gauges: names must not carry ids or numbers that change`;
  }

  expose(): Promise<string> {
    return this.#registry.metrics();
  }

  #gaugeOf(name: string): Gauge {
    const known = this.#traderGauges.get(name);
    if (known !== undefined) return known;
    const made = new Gauge({ name: `baton_trader_${name}`, help: 'Reported by the trader', registers: [this.#registry] });
    this.#traderGauges.set(name, made);
    return made;
  }
}
