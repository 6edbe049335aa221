/** The contract of `Addresses`, held against netlink and against the command `ip`. */
import { writeFileSync } from "node:fs";
import { t as suite, test } from "tap";
import { IpAddresses } from "../../src/io/network/ip-addresses.ts";
import { NetlinkAddresses } from "../../src/io/network/netlink-addresses.ts";
import type { Addresses } from "../../src/io/network-ports.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";
import { type AddressStage, addressContract, addressesOn, listed } from "./addresses.contract.ts";
import { cable, inNamespace, insideNamespace, ip, namespaceProblem } from "./namespace.ts";

const vip: AddressOrder = { interface: "v0", address: "10.1.1.200", prefix: 24, family: "ipv4" };
const vip6: AddressOrder = { interface: "v0", address: "fd00::c8", prefix: 64, family: "ipv6" };
const both = [vip, vip6];

async function implementations(): Promise<readonly AddressStage[]> {
  const netlink = await NetlinkAddresses.open();
  if (!netlink.ok) throw new Error(netlink.problem);
  suite.teardown(() => netlink.value.close());
  return [
    { name: "netlink", addresses: netlink.value, interface: "v0" },
    { name: "ip", addresses: new IpAddresses("/usr/sbin/ip"), interface: "v0" },
  ];
}

async function onCable(addresses: Addresses) {
  return await addressesOn(addresses, "v0");
}

/** Of the kernel's own. */
function secondaryContract({ name, addresses }: AddressStage): void {
  test(`${name}: a secondary address leaves the first one of its subnet alone`, async (t) => {
    await addresses.addAddress(vip);
    t.match(ip("addr show dev v0"), /10\.1\.1\.200\/24 scope global secondary/);
    await addresses.removeAddress(vip);
    t.match(
      (await onCable(addresses)).filter(({ family }) => family === "ipv4"),
      [{ address: "10.1.1.1" }],
    );
  });
}

/** Older versions of `ip` do not show the mark. */
async function unmarked(addresses: Addresses) {
  return (await listed(addresses)).map((one) => ({
    ...one,
    addresses: one.addresses.map(({ marked: _, ...address }) => address),
  }));
}

/** What the kernel holds, without the mark and what depends on time. */
function kernelState(): unknown {
  const listed: unknown = JSON.parse(ip("-j -d addr show dev v0"), (key, value) =>
    key === "protocol" || key.endsWith("_time") ? undefined : value,
  );
  return [listed, ip("-4 route show table all"), ip("-6 route show table all")];
}

if (insideNamespace()) {
  // Link-local addresses would come and go on their own.
  writeFileSync("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
  cable("v0", "v1");
  ip("addr add 10.1.1.1/24 dev v0");
  ip("-6 addr add fd00::1/64 dev v0 nodad");
  const all = await implementations();
  const [netlink, command] = all.map(({ addresses }) => addresses);
  if (netlink === undefined || command === undefined) throw new Error("two implementations");
  for (const one of all) {
    addressContract(one);
    secondaryContract(one);
  }

  test("both leave the same in the kernel: label, scope, flags, routes", async (t) => {
    const states: unknown[] = [];
    const extra = { ...vip, interface: "lo", address: "127.9.9.9", prefix: 8 };
    for (const one of [netlink, command]) {
      for (const order of [...both, extra]) await one.addAddress(order);
      states.push([kernelState(), JSON.parse(ip("-j addr show dev lo"))]);
      for (const order of [...both, extra]) await one.removeAddress(order);
      states.push(kernelState());
    }
    t.same(states[0], states[2]);
    t.same(states[1], states[3]);
  });

  test("both list the same, whatever there is", async (t) => {
    ip("link add d0 type bridge");
    ip("link set d0 up");
    ip("addr add 192.0.2.1 peer 192.0.2.2 dev d0 label d0:far");
    ip("link set v1 master d0");
    ip("tuntap add dev t0 mode tun");
    ip("-6 addr add ::ffff:1.2.3.4/128 dev d0");
    ip("-6 addr add 2001:db8:0:0:1::1/64 dev d0");
    ip("-6 addr add 2001:db8::1:0:0:1/64 dev v0 nodad");
    t.same(await listed(netlink), await listed(command));
    for (const name of ["d0", "t0"]) ip(`link del ${name}`);
  });

  test("lists larger than one answer of the kernel are whole", async (t) => {
    for (let at = 0; at < 60; at += 1) ip(`link add many${at} type bridge`);
    const batch = (verb: string) =>
      Array.from({ length: 250 }, (_, at) => ({
        ...vip,
        address: `10.1.3.${at + 1}`,
        prefix: 32,
      })).map((order) =>
        verb === "add" ? netlink.addAddress(order) : netlink.removeAddress(order),
      );
    await Promise.all(batch("add"));
    t.same(await unmarked(netlink), await unmarked(command));
    await Promise.all(batch("remove"));
    for (let at = 0; at < 60; at += 1) ip(`link del many${at}`);
  });

  test("the kernel says which addresses clusterd has put up", async (t) => {
    await netlink.addAddress(vip);
    const marked = async () =>
      (await onCable(netlink)).filter((one) => one.marked).map(({ address }) => address);
    t.same(await marked(), [vip.address]);
    await netlink.removeAddress(vip);
    await command.addAddress(vip);
    t.same(await marked(), []);
    await netlink.removeAddress(vip);
  });

  test("a thread that has ended is replaced", async (t) => {
    const opened = await NetlinkAddresses.open();
    if (!opened.ok) throw new Error(opened.problem);
    opened.value.close();
    t.match(await opened.value.interfaces(), { ok: true });
    opened.value.close();
  });
}

if (!insideNamespace()) {
  const problem = namespaceProblem();
  test("interfaces and addresses", { skip: problem ?? false }, async (t) => {
    await t.spawn(...inNamespace(import.meta.url, "in a namespace"));
  });
}
