/** The bad release of the fault `migration-fails`: the real trader, whose migration ends with an error. */
if (process.argv[2] === 'migrate') throw new Error('this release cannot migrate');
await import('../../../containers/trader/main.ts');
