/**
 * Two clocks. What protects orders runs in real time; what only waits for AWS is compressed.
 *
 * | duration                                             | clock      |
 * |------------------------------------------------------|------------|
 * | leases, renewals, drains, permits, venue expiry      | real       |
 * | process starts, Lambda and state time-outs           | real       |
 * | `Wait` states and retry intervals of 10 s and less   | real       |
 * | `Wait` states and retry intervals above 10 s         | compressed |
 * | rules and schedules with a rate of less than an hour | compressed |
 * | rules and schedules that come less often, or at an hour of the day | by hand |
 * | schedules of a single time (`at`)                    | compressed |
 * | rotations of secrets that are due                    | by hand    |
 * | Secrets Manager's pauses between tries of a rotation | compressed |
 * | how far a replica of the database is behind          | real       |
 * | Lambda's retries of asynchronous events              | compressed |
 * | provisioning delays of the models (one table there)  | compressed |
 *
 * What people, a hanging task or a replica that falls behind would take longer than that, a fault lets pass at once, on the clock of
 * executions (`letTimePass`) or of the replica (`letReplicaLag`).
 *
 * Compressed means divided by 60, never below 1 s. Reports give both.
 */
export const compressionFactor = 60;
export const waitsAreRealUpToSeconds = 10;

/** How long a modelled provisioning delay takes here. */
export function compressedMs(modelledSeconds: number): number {
  return modelledSeconds <= 0 ? 0 : Math.max(1000, (modelledSeconds * 1000) / compressionFactor);
}

/** How long a `Wait` state, or the interval before a retry, takes here. */
export function waitMs(seconds: number): number {
  return seconds <= waitsAreRealUpToSeconds ? seconds * 1000 : compressedMs(seconds);
}
