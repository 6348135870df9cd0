/** How a container's log line says that a person must look now: the trader writes it, an alarm counts such lines. */
export const page = { severity: 'P0' } as const;
