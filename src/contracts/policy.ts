/** What counts when one of several models is chosen. */
export const POLICIES = ['performance', 'accuracy', 'cost', 'balanced'] as const;
/** The fastest, the best, the cheapest, or the best for time and money. */
export type Policy = (typeof POLICIES)[number];
