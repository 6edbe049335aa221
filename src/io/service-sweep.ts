/**
 * Takes everything of the services off this machine, without their scripts, and looks whether it
 * is gone.
 * Does not know why, nor what the services are.
 * Source: sbd(8) and rgmanager's exit, for the order.
 * SWEEP1  Addresses go first: the holder of an address that lives a moment longer is the lesser
 *     evil.
 * SWEEP2  Clean is what was looked at afterwards, not what was done; addresses last, since a
 *     command that was killed may have put one there before it ended.
 * SWEEP3  What could not be looked at counts as still there.
 */
import { placesOf } from "./network/interface-addresses.ts";
import type { Addresses } from "./network-ports.ts";
import type { ProcessRunner, TrackedLook } from "./ports.ts";

export type SweepPorts = {
  readonly addresses: Addresses;
  readonly processes: Pick<ProcessRunner, "killTracked">;
};

export type SweepScope = {
  /** Marks the processes. */
  readonly token: string;
  /** Numeric, without prefix; on whatever interface they are. */
  readonly addresses: readonly string[];
};

/** What is left, in words; empty when everything is gone. */
export type SweepRest = readonly string[];

/** After this the kill begins, though the addresses are not off yet: both count. */
const addressesFirstMs = 500;

export async function sweepServices(ports: SweepPorts, scope: SweepScope): Promise<SweepRest> {
  const removal = removeAddresses(ports.addresses, scope.addresses);
  await Promise.race([removal, new Promise((resolve) => setTimeout(resolve, addressesFirstMs))]);
  const left = await ports.processes.killTracked({ token: scope.token, service: null });
  await removal;
  return restInWords(await heldAddresses(ports.addresses, scope.addresses), left);
}

/** What is there, without touching it. */
export async function lookForServices(
  ports: {
    readonly addresses: Addresses;
    readonly processes: Pick<ProcessRunner, "listTracked">;
  },
  scope: SweepScope,
): Promise<SweepRest> {
  const running = await ports.processes.listTracked({ token: scope.token, service: null });
  return restInWords(await heldAddresses(ports.addresses, scope.addresses), running);
}

/** Which of the addresses are on this machine, without touching them. */
export async function lookForAddresses(
  ports: { readonly addresses: Addresses },
  scope: SweepScope,
): Promise<SweepRest> {
  const processes = { found: [], unseen: [] };
  return restInWords(await heldAddresses(ports.addresses, scope.addresses), processes);
}

function restInWords(
  holding: Awaited<ReturnType<typeof heldAddresses>>,
  { found, unseen }: TrackedLook,
): SweepRest {
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

/** Where the addresses are, or why that cannot be known. */
async function heldAddresses(ports: Addresses, wanted: readonly string[]) {
  if (wanted.length === 0) return [];
  const listed = await ports.interfaces();
  if (!listed.ok) return `cannot look: addresses: ${listed.problem}`;
  return placesOf(listed.value, wanted);
}
