/**
 * What whoever watches over a node does when its lease ends: kill everything of the services, or,
 * where nothing is here that another node could run, spare what is.
 * Tested in: test/guard/lease-guard.test.ts
 */
export type LeaseEnd = "kill" | "spare";
