/** The release of the fault `canary-inconclusive`: the real trader, which has little to send. */
process.env['BATON_ORDERS_PER_SECOND'] = '2';
await import('../../../containers/trader/main.ts');
