/**
 * The operations on services that users can request, as named on the control socket and the ring.
 * Tested in: test/services/service-table.test.ts
 */

export const serviceOperations = [
  "enable",
  "disable",
  "stop",
  "restart",
  "relocate",
  "freeze",
  "unfreeze",
  "convalesce",
  "migrate",
] as const;
export type ServiceOperation = (typeof serviceOperations)[number];
