/**
 * What the guard does when the lease of its node ends: it kills all services, or it spares them
 * because no other node could run any of them.
 * Tested in: test/guard/lease-guard.test.ts
 */
export type LeaseEnd = "kill" | "spare";
