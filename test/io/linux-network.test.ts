import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Test, test } from "tap";
import {
  type AnnounceMechanism,
  Announcer,
  chooseAnnounceMechanism,
} from "../../src/io/network/arp.ts";
import { IpAddresses, listInterfaces } from "../../src/io/network/ip-addresses.ts";
import {
  type AddressMechanism,
  addressMechanismText,
  LinuxNetwork,
  openAddresses,
} from "../../src/io/network/linux-network.ts";
import {
  advertisedMac,
  decodeArp,
  inet6Address,
  linkAddress,
} from "../../src/io/network/neighbour-packets.ts";
import type { LinkEvent, NetworkInterface } from "../../src/io/network-ports.ts";
import { loadSystemCalls, type SystemCalls } from "../../src/io/system-calls.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";
import { refuse } from "../../src/model/outcome.ts";
import { cable, inNamespace, insideNamespace, ip, namespaceProblem } from "./namespace.ts";
import { networkContract } from "./network.contract.ts";
import { until } from "./waiting.ts";

const program = "/usr/sbin/ip";
const vip: AddressOrder = {
  interface: "v0",
  address: "10.1.1.200",
  prefix: 24,
  family: "ipv4",
};
const vip6: AddressOrder = { interface: "v0", address: "fd00::c8", prefix: 64, family: "ipv6" };

async function interfaces(): Promise<readonly NetworkInterface[]> {
  const list = await listInterfaces(program);
  if (!list.ok) throw new Error(list.problem);
  return list.value;
}

async function interfaceNamed(name: string): Promise<NetworkInterface> {
  const found = (await interfaces()).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no interface ${name}`);
  return found;
}

/** Both ways to the kernel. */
async function addressMechanisms(): Promise<readonly AddressMechanism[]> {
  const netlink = await openAddresses(await loadSystemCalls());
  if (!netlink.ok) throw new Error(netlink.problem);
  const addresses = new IpAddresses(program);
  return [netlink.value, { type: "ip", addresses, program, why: "not asked for" }];
}

async function network(
  mechanism: AnnounceMechanism,
  failures: string[] = [],
): Promise<LinuxNetwork> {
  const onFailure = (text: string): void => {
    failures.push(text);
  };
  const interfaces = () => listInterfaces(program);
  const [native] = await addressMechanisms();
  if (native?.type !== "netlink") throw new Error("no netlink");
  return new LinuxNetwork(native, new Announcer({ mechanism, interfaces, onFailure }));
}

async function calls(): Promise<SystemCalls> {
  const loaded = await loadSystemCalls();
  if (!loaded.ok) throw new Error(loaded.problem);
  return loaded.value;
}

/** All packets of one protocol that come in at v1. */
async function listener(t: Test, kind: "arp" | "icmp6"): Promise<() => Uint8Array[]> {
  const native = await calls();
  const wire =
    kind === "arp"
      ? { domain: 17, type: 2, protocol: 0x0608 }
      : { domain: 10, type: 3, protocol: 58 };
  const socket = native.openSocket(wire);
  if (!socket.ok) throw new Error(`errno ${socket.problem}`);
  t.teardown(() => native.closeSocket(socket.value));
  const { index } = await interfaceNamed("v1");
  if (kind === "arp") native.bindSocket(socket.value, linkAddress(index, "00:00:00:00:00:00"));
  else native.bindSocket(socket.value, inet6Address(new Uint8Array(16), 0));
  const packets: Uint8Array[] = [];
  return () => {
    for (;;) {
      const packet = native.receive(socket.value);
      if (packet === null) return packets;
      packets.push(packet);
    }
  };
}

if (insideNamespace()) {
  cable("v0", "v1");
  ip("addr add 10.1.1.1/24 dev v0");

  for (const mechanism of await addressMechanisms()) {
    networkContract(mechanism.type, async () => {
      const interfaces = () => mechanism.addresses.interfaces();
      const onFailure = (): void => undefined;
      const raw = await chooseAnnounceMechanism(await calls());
      const announcer = new Announcer({ mechanism: raw, interfaces, onFailure });
      const setCarrier = (up: boolean): void => void ip(`link set v1 ${up ? "up" : "down"}`);
      return { network: new LinuxNetwork(mechanism, announcer), order: vip, setCarrier };
    });
  }

  test("netlink is used where there are native calls, the command ip elsewhere", async (t) => {
    const native = await openAddresses(await loadSystemCalls());
    t.match(native, { ok: true, value: { type: "netlink" } });
    const without = await openAddresses(refuse("koffi is not installed"));
    t.match(without, { ok: true, value: { type: "ip", program, why: /koffi/ } });
    if (without.ok) t.match(addressMechanismText(without.value), /by the command .* koffi is not/);
  });

  test("an announcement is on the wire within milliseconds, in both forms", async (t) => {
    const mechanism = await chooseAnnounceMechanism(await calls());
    t.equal(mechanism.type, "raw-sockets");
    const failures: string[] = [];
    const net = await network(mechanism, failures);
    const received = await listener(t, "arp");
    await net.addAddress(vip);
    const stop = net.announce(vip);
    const about = (): Uint8Array[] =>
      received().filter((packet) => decodeArp(packet)?.senderAddress === vip.address);
    await until("four packets", () => about().length === 4);
    const forms = about().map((packet) => packet[7]);
    t.same(forms, [1, 2, 1, 2]);
    const { mac } = await interfaceNamed("v0");
    t.ok(about().every((packet) => decodeArp(packet)?.senderMac === mac));
    t.ok(about().every((packet) => decodeArp(packet)?.targetAddress === vip.address));
    await until("it is repeated after a second", () => about().length === 8);
    stop();
    t.same(failures, []);
    await net.removeAddress(vip);
  });

  test("IPv6 is announced with override to all nodes", async (t) => {
    const net = await network(await chooseAnnounceMechanism(await calls()));
    const received = await listener(t, "icmp6");
    ip("-6 addr add fd00::1/64 dev v0 nodad");
    await net.addAddress(vip6);
    const stop = net.announce(vip6);
    const about = (): Uint8Array[] =>
      received().filter((packet) => advertisedMac(packet, vip6.address) !== null);
    await until("two packets", () => about().length >= 2);
    const { mac } = await interfaceNamed("v0");
    t.equal(advertisedMac(about()[0] ?? new Uint8Array(0), vip6.address), mac);
    t.equal(about()[0]?.[4], 0x20, "override");
    stop();
    await net.removeAddress(vip6);
  });

  test("a probe finds who has the address, within 300 ms", async (t) => {
    const net = await network(await chooseAnnounceMechanism(await calls()));
    const { mac } = await interfaceNamed("v1");
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", "/run"]);
    ip("netns add peer");
    ip("link set v1 netns peer");
    ip("-n peer link set v1 up");
    await until("the cable is up again", async () => (await interfaceNamed("v0")).carrier);
    t.same(await net.probe(vip), { type: "free" });
    t.same(await net.probe(vip6), { type: "free" });
    ip(`-n peer addr add ${vip.address}/24 dev v1`);
    ip(`-n peer -6 addr add ${vip6.address}/64 dev v1 nodad`);
    const started = performance.now();
    t.same(await net.probe(vip), { type: "taken", mac });
    t.same(await net.probe(vip6), { type: "taken", mac });
    t.ok(performance.now() - started < 600);
    ip("netns del peer");
  });

  test("arping takes over where raw sockets are not to be had", async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "clusterd-arping-"));
    t.teardown(() => rmSync(directory, { recursive: true }));
    const [arping, record] = [join(directory, "arping"), join(directory, "record")];
    const script = (last: string): void => {
      writeFileSync(arping, `#!/bin/sh\necho "$*" >>${record}\n${last}\n`, { mode: 0o755 });
    };
    const failures: string[] = [];
    const net = await network({ type: "arping", program: arping }, failures);
    script("exit 0");
    t.same(await net.probe(vip), { type: "free" });
    script('echo "Unicast reply from 10.1.1.200 [02:FC:00:00:00:09] 0.7ms"; exit 1');
    t.same(await net.probe(vip), { type: "taken", mac: "02:fc:00:00:00:09" });
    script("echo no such device >&2; exit 2");
    t.same(await net.probe(vip), { type: "unknown", cause: "no such device" });
    const stop = net.announce(vip);
    await until("both forms were tried", () => failures.length === 1);
    stop();
    const uses = readFileSync(record, "utf8").trim().split("\n");
    t.equal(uses[0], "-D -c 1 -w 1 -I v0 10.1.1.200");
    t.same(uses.slice(3).sort(), ["-A -c 1 -I v0 10.1.1.200", "-U -c 1 -I v0 10.1.1.200"]);
    t.match(await net.probe(vip6), { type: "unknown" });
  });

  test("without a mechanism the probe knows nothing and the announcement says so", async (t) => {
    const failures: string[] = [];
    const net = await network({ type: "none" }, failures);
    t.match(await net.probe(vip), { type: "unknown" });
    const stop = net.announce(vip);
    await until("it says so", () => failures.length === 1);
    stop();
    t.match(failures[0], /10\.1\.1\.200 on v0 not announced/);
    t.match(
      await (await network(await chooseAnnounceMechanism(await calls()))).probe({
        ...vip,
        interface: "lo",
      }),
      {
        type: "unknown",
      },
    );
  });

  for (const type of ["netlink", "ip"] as const) {
    test(`${type}: link and address changes are events`, async (t) => {
      const mechanism = (await addressMechanisms()).find((one) => one.type === type);
      if (mechanism === undefined) throw new Error(`no ${type}`);
      const interfaces = () => listInterfaces(program);
      const onFailure = (): void => undefined;
      const announcer = new Announcer({ mechanism: { type: "none" }, interfaces, onFailure });
      const events: LinkEvent[] = [];
      const stop = new LinuxNetwork(mechanism, announcer).watch((event) => events.push(event));
      t.teardown(stop);
      const resyncs = (): number => events.filter((one) => one.type === "resync").length;
      await until("the watch runs", () => resyncs() === 1);
      ip("link add w0 type veth peer name w1");
      ip("link set w0 up");
      ip("link set w1 up");
      ip("addr add 10.2.2.2/24 dev w0");
      ip("-6 addr add fd02::2/64 dev w0 nodad");
      const link = { type: "link", interface: "w0" } as const;
      await until("the carrier and the addresses", () => {
        const here = { type: "address", interface: "w0", gone: false } as const;
        return (
          includes(events, { ...link, up: true, carrier: true, gone: false }) &&
          includes(events, { ...here, address: "10.2.2.2", prefix: 24 }) &&
          includes(events, { ...here, address: "fd02::2", prefix: 64 })
        );
      });
      events.length = 0;
      ip("link set w1 down");
      await until("the loss of carrier", () =>
        includes(events, { ...link, up: true, carrier: false, gone: false }),
      );
      ip("addr del 10.2.2.2/24 dev w0");
      const gone = { type: "address", interface: "w0", prefix: 24, gone: true } as const;
      await until("the address is gone", () => includes(events, { ...gone, address: "10.2.2.2" }));
      ip("link add br0 type bridge");
      ip("link set w0 master br0");
      ip("link set w0 nomaster");
      ip("link del br0");
      await until("the bridge is gone", () =>
        includes(events, { ...link, interface: "br0", up: false, carrier: false, gone: true }),
      );
      // A port that leaves its bridge is not gone; the lines of `ip` do not tell the two apart.
      const lost = { ...link, up: false, carrier: false, gone: true };
      if (type === "netlink") t.equal(includes(events, lost), false);
      ip("link del w0");
      await until("the link is gone", () => includes(events, lost));
      if (type === "netlink") return;
      process.kill(watcher(), "SIGKILL");
      await until("the watch is restarted", () => resyncs() === 1);
    });
  }
}

function includes(events: readonly LinkEvent[], wanted: LinkEvent): boolean {
  return events.some((event) => isDeepStrictEqual(event, wanted));
}

/** The `ip monitor` that this process started. */
function watcher(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8");
  const pids = children.trim().split(" ").map(Number);
  const found = pids.find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("monitor"),
  );
  if (found === undefined) throw new Error("no ip monitor");
  return found;
}

if (!insideNamespace()) {
  const problem = namespaceProblem();
  test("Linux networking", { skip: problem ?? false }, async (t) => {
    await t.spawn(...inNamespace(import.meta.url, "in a namespace"));
  });
}
