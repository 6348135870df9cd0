/**
 * The settings that reach a running trader when they are changed on a system in use. Every other setting can be
 * changed at any time: test/stacks/live-colour.test.ts changes each one and holds both halves of that sentence.
 */
export const dangerousSettings: Readonly<Record<string, string>> = {
  environment: 'Names every stack, so another name is another installation, and the old one goes on unmanaged.',
  account: 'Another account gets an installation of its own, and the old one goes on unmanaged.',
  'regions.first.name': 'Another Region gets an installation of its own: move the home by a switchover, then follow it in `home`.',
  'regions.first.zones': 'A subnet cannot change its zone: it would be replaced under the tasks in it.',
  'regions.first.cidr': 'A network cannot change its addresses: it would be replaced under every task.',
  'regions.second.name': 'A strongly consistent table cannot exchange a replica while it holds the leases.',
  'regions.second.zones': 'A subnet cannot change its zone: it would be replaced under the tasks in it.',
  'regions.second.cidr': 'A network cannot change its addresses: it would be replaced under every task.',
  'regions.witness.name': 'A strongly consistent table cannot exchange its witness while it holds the leases.',
  'books.name': 'The name is the book: its service, its role and its exchange key would be let go of, and a new book begun.',
  'network.natGateways': 'Routes move to another gateway, so open connections to the venue break and another address arrives there.',
  'database.instanceClass': 'The database fails over to its resized standby: the ledger is away for one to two minutes.',
  'cache.nodeType': 'The primary moves to a new node: the shared rate-limit buckets are away for some seconds.',
};
