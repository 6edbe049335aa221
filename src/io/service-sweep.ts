/**
 * Removes the addresses of all services from this machine and kills their processes, without their
 * scripts, and verifies that nothing is left.
 * Source: sbd(8) and rgmanager's exit, for the order.
 * SWEEP1  Addresses are removed first, since another node may add them while a process still lives
 *     here.
 * SWEEP2  Only a look afterwards shows that nothing is left. Addresses are looked at last, since a
 *     command may have added one before it was killed.
 * SWEEP3  What could not be looked at counts as left.
 */
import { listedAddresses } from "./network/interface-addresses.ts";
import type { Addresses } from "./network-ports.ts";
import type { ProcessRunner, TrackedLook } from "./ports.ts";

export type SweepPorts = {
  readonly addresses: Addresses;
  readonly processes: Pick<ProcessRunner, "killTracked">;
};

export type SweepScope = {
  /** The mark on the processes. */
  readonly token: string;
  /** Numeric addresses without prefix, on any interface. */
  readonly addresses: readonly string[];
};

/** Texts that say what is left; empty when everything is gone. */
export type SweepLeftovers = readonly string[];

/** After this time the kill begins even if the addresses are not removed yet. */
const addressesFirstMs = 500;

export async function sweepServices(ports: SweepPorts, scope: SweepScope): Promise<SweepLeftovers> {
  const removal = removeAddresses(ports.addresses, scope.addresses);
  await Promise.race([removal, new Promise((resolve) => setTimeout(resolve, addressesFirstMs))]);
  const left = await ports.processes.killTracked({ token: scope.token, service: null });
  await removal;
  return restInWords(await heldAddresses(ports.addresses, scope.addresses), left);
}

/** Looks for processes and addresses without ending any. */
export async function lookForServices(
  ports: {
    readonly addresses: Addresses;
    readonly processes: Pick<ProcessRunner, "listTracked">;
  },
  scope: SweepScope,
): Promise<SweepLeftovers> {
  const running = await ports.processes.listTracked({ token: scope.token, service: null });
  return restInWords(await heldAddresses(ports.addresses, scope.addresses), running);
}

/** Looks which of the addresses are on this machine, without removing any. */
export async function lookForAddresses(
  ports: { readonly addresses: Addresses },
  scope: SweepScope,
): Promise<SweepLeftovers> {
  const processes = { found: [], unseen: [] };
  return restInWords(await heldAddresses(ports.addresses, scope.addresses), processes);
}

function restInWords(
  holding: Awaited<ReturnType<typeof heldAddresses>>,
  { found, unseen }: TrackedLook,
): SweepLeftovers {
  return [
    ...(typeof holding === "string" ? [holding] : holding.map(({ address }) => address)),
    ...found.map(({ pid, command, service }) => {
      return `process ${pid} (${command}) of ${service ?? "clusterd"}`;
    }),
    ...unseen.map((one) => `cannot look: ${one}`),
  ];
}

async function removeAddresses(ports: Addresses, wanted: readonly string[]): Promise<void> {
  const held = await heldAddresses(ports, wanted);
  if (typeof held === "string") return;
  await Promise.all(held.map((order) => ports.removeAddress(order)));
}

/** The interfaces of the addresses, or why they are unknown. */
async function heldAddresses(ports: Addresses, wanted: readonly string[]) {
  if (wanted.length === 0) return [];
  const listed = await ports.interfaces();
  if (!listed.ok) return `cannot look: addresses: ${listed.problem}`;
  return listedAddresses(listed.value, wanted);
}
