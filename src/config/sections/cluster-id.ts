/**
 * The 16-bit cluster id, computed from the cluster's name, and the multicast address derived from
 * it.
 * Source: cman cman-preconfig.c: generate_cluster_id, default_mcast; fnvhash.c (FNV-1a, folded).
 * The low byte of the IPv4 address is the id modulo 255, not the id's low byte: running clusters
 * depend on the addresses that cman computes.
 * Tested in: test/config/timers.test.ts
 */
import { fnvHash } from "../../model/fnv.ts";
import type { AddressFamily } from "../../model/numeric-address.ts";

/** The id that cman computes by default; 0 to 65535; many names share one id. */
export function clusterIdFromName(name: string): number {
  let value = 0;
  for (const byte of Buffer.from(name)) value = ((value << 1) + byte) & 0xffff;
  return value;
}

/** The id with `hash_cluster_id`: collisions are as rare as 16 bits permit. */
export function hashClusterId(name: string): number {
  const hash = fnvHash(name);
  return ((hash >>> 16) ^ hash) & 0xffff;
}

/** Address of the ring of cluster `id`; a second ring would use `id + 1`. */
export function multicastAddress(id: number, family: AddressFamily): string {
  const id16 = id & 0xffff;
  if (family === "ipv6") return `ff15::${id16.toString(16)}`;
  return `239.192.${id16 >> 8}.${id16 % 255}`;
}
