/**
 * What operators can ask of a service, by the words of the control socket and of the ring.
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
