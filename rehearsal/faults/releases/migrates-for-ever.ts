/** The bad release of the fault `migration-never-ends`: the real trader, whose migration hangs. */
if (process.argv[2] === 'migrate') {
  setInterval(() => undefined, 1000);
  await new Promise(() => undefined);
}
await import('../../../containers/trader/main.ts');
