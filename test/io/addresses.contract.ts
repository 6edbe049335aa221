/** What holds of every `Addresses`: who adds and removes one, and what is listed then. */
import { test } from "tap";
import type { Addresses, NetworkInterface } from "../../src/io/network-ports.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";

export type AddressStage = {
  readonly name: string;
  readonly addresses: Addresses;
  /** The interface has the address 10.1.1.1/24, and no other of that family. */
  readonly interface: string;
};

export async function listed(addresses: Addresses): Promise<readonly NetworkInterface[]> {
  const listing = await addresses.interfaces();
  if (!listing.ok) throw new Error(listing.problem);
  return listing.value;
}

export async function addressesOn(addresses: Addresses, name: string) {
  const found = (await listed(addresses)).find((one) => one.name === name);
  return found?.addresses ?? [];
}

export function addressContract({ name, addresses, interface: link }: AddressStage): void {
  const vip: AddressOrder = { interface: link, address: "10.1.1.200", prefix: 24, family: "ipv4" };
  const vip6: AddressOrder = { interface: link, address: "fd00::c8", prefix: 64, family: "ipv6" };

  test(`${name}: an address is added once and removed once; outcomes have names`, async (t) => {
    for (const order of [vip, vip6]) {
      t.same(await addresses.addAddress(order), { type: "added" });
      t.same(await addresses.addAddress(order), { type: "present" });
      t.match(
        (await addressesOn(addresses, link)).filter(({ address }) => address === order.address),
        [{ prefix: order.prefix, family: order.family, detection: "done" }],
      );
      t.same(await addresses.removeAddress(order), { type: "removed" });
      t.same(await addresses.removeAddress(order), { type: "absent" });
    }
  });

  test(`${name}: an interface that is not there cannot carry, and carries not`, async (t) => {
    t.match(await addresses.addAddress({ ...vip, interface: "none0" }), { type: "failed" });
    t.same(await addresses.removeAddress({ ...vip, interface: "none0" }), { type: "absent" });
  });

  test(`${name}: a prefix belongs to the address`, async (t) => {
    await addresses.addAddress(vip6);
    t.match(await addresses.addAddress({ ...vip6, prefix: 48 }), { type: "failed" });
    t.same(await addresses.removeAddress({ ...vip6, prefix: 48 }), { type: "absent" });
    t.same(await addresses.removeAddress(vip6), { type: "removed" });
    await addresses.addAddress(vip);
    t.same(await addresses.addAddress({ ...vip, prefix: 32 }), { type: "added" });
    t.same(await addresses.removeAddress(vip), { type: "removed" });
    t.match(
      (await addressesOn(addresses, link)).filter(({ address }) => address === vip.address),
      [{ prefix: 32 }],
    );
    t.same(await addresses.removeAddress({ ...vip, prefix: 32 }), { type: "removed" });
  });

  test(`${name}: requests at once do not mix their answers`, async (t) => {
    const orders = Array.from({ length: 40 }, (_, at) => ({
      ...vip,
      address: `10.1.1.${at + 10}`,
    }));
    const added = await Promise.all(orders.map((order) => addresses.addAddress(order)));
    t.ok(added.every(({ type }) => type === "added"));
    t.equal(
      (await addressesOn(addresses, link)).filter(({ family }) => family === "ipv4").length,
      41,
    );
    const removed = await Promise.all(orders.map((order) => addresses.removeAddress(order)));
    t.ok(removed.every(({ type }) => type === "removed"));
  });
}
