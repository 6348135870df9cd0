/** The tags that every resource carries and a bill is told apart by. */
export const requiredTags = ['CostCenter', 'Project', 'Owner', 'Environment', 'Book'] as const;

/** What no book has to itself carries it in place of a book's name. */
export const sharedByBooks = 'shared';
