/** Addresses, subnets, and the interface that carries an address. */
import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { test } from "tap";
import type { InterfaceReport } from "../../src/model/agent-orders.ts";
import {
  chooseInterface,
  inSubnet,
  parseAddress,
  parseAddressWithPrefix,
  sameAddress,
} from "../../src/vip/address.ts";

test("the bytes of an address, however it is written", async (t) => {
  t.same(parseAddress("10.0.0.5"), { family: "ipv4", bytes: [10, 0, 0, 5] });
  const one = [...Array<number>(15).fill(0), 1];
  t.same(parseAddress("::1"), { family: "ipv6", bytes: one });
  const zeros = Array<number>(10).fill(0);
  t.same(parseAddress("::ffff:10.0.0.5")?.bytes, [...zeros, 255, 255, 10, 0, 0, 5]);
  t.same(parseAddress("2001:db8::a:0")?.bytes.slice(0, 4), [0x20, 0x01, 0x0d, 0xb8]);
});

test("what is no address", async (t) => {
  const wrong = ["", "10.0.0", "10.0.0.256", "10.0.0.05", "10.0.0.5.6", "host", "10.0.0.5/24"];
  const wrong6 = [":", ":::", "1::2::3", "::g", "1:2:3:4:5:6:7", "::10.0.0.256", "12345::"];
  const misplaced = ["1.2.3.4::", "1.2.3.4::1", "::1.2.3.4:5"];
  for (const text of [...wrong, ...wrong6, ...misplaced]) t.equal(parseAddress(text), null, text);
});

test("over random texts the parser agrees with the system's", async (t) => {
  const pieces = fc.constantFrom(
    "0",
    "1",
    "10",
    "255",
    "256",
    "ffff",
    "abcd",
    ":",
    "::",
    ".",
    "::",
  );
  const nearly = fc.array(pieces, { maxLength: 15 }).map((parts) => parts.join(""));
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), nearly);
  const property = fc.property(texts, (text) => {
    const family = isIPv4(text) ? "ipv4" : isIPv6(text) ? "ipv6" : undefined;
    return parseAddress(text)?.family === family;
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 3000, seed: 7 }));
});

test("an address with prefix", async (t) => {
  t.same(parseAddressWithPrefix("10.0.0.5/24"), { address: "10.0.0.5", prefix: 24 });
  t.same(parseAddressWithPrefix("10.0.0.5"), { address: "10.0.0.5", prefix: null });
  t.same(parseAddressWithPrefix("fd00::5/64"), { address: "fd00::5", prefix: 64 });
  for (const text of ["10.0.0.5/33", "10.0.0.5/", "10.0.0.5/x", "fd00::5/129", "10.0.0.5/24/24"]) {
    t.equal(parseAddressWithPrefix(text), null, text);
  }
});

test("the same address in other words", async (t) => {
  t.equal(sameAddress("fd00::5", "FD00:0:0::0005"), true);
  t.equal(sameAddress("10.0.0.5", "10.0.0.5"), true);
  t.equal(sameAddress("::ffff:10.0.0.5", "10.0.0.5"), false, "another family");
  t.equal(sameAddress("10.0.0.5", "nonsense"), false);
});

test("subnets of any width", async (t) => {
  t.equal(inSubnet("10.0.0.1", "10.0.0.254", 24), true);
  t.equal(inSubnet("10.0.0.1", "10.0.1.1", 24), false);
  t.equal(inSubnet("10.0.0.1", "10.0.0.200", 25), false);
  t.equal(inSubnet("10.0.0.1", "10.0.0.2", 31), false);
  t.equal(inSubnet("10.0.0.2", "10.0.0.3", 31), true);
  t.equal(inSubnet("10.0.0.1", "192.0.2.1", 0), true);
  t.equal(inSubnet("fd00:1:2:3::1", "fd00:1:2:3:ffff::1", 64), true);
  t.equal(inSubnet("fd00:1:2:3::1", "fd00:1:2:4::1", 63), false);
  t.equal(inSubnet("10.0.0.1", "::1", 0), false, "another family");
});

function nic(name: string, nets: readonly string[], rest: Partial<InterfaceReport> = {}) {
  const addresses = nets.map((net) => {
    const parsed = parseAddressWithPrefix(net);
    const family = net.includes(":") ? ("ipv6" as const) : ("ipv4" as const);
    return { address: parsed?.address ?? "", prefix: parsed?.prefix ?? 0, family, ours: false };
  });
  return { name, up: true, carrier: true, slave: false, addresses, ...rest };
}

const lo = nic("lo", ["127.0.0.1/8"]);
const d0 = nic("d0", ["10.0.0.1/24"]);

test("the interface whose own subnet contains the address, with its prefix", async (t) => {
  const d1 = nic("d1", ["10.0.0.2/25"], { up: false });
  const wanted = { address: "10.0.0.5", prefix: null, needLink: true, preferred: null };
  const chosen = { type: "chosen", interface: "d0", prefix: 24 };
  t.same(chooseInterface([lo, d0, d1], wanted), chosen);
  const narrow = chooseInterface([lo, d0, d1], { ...wanted, prefix: 25 });
  t.same(narrow, {
    type: "none",
    why: "lo (127.0.0.1/8): other subnet; d0: its prefix is 24, not 25; d1: down",
  });
});

test("the first fitting one in the kernel's order, past those that cannot be used", async (t) => {
  const unfit = [
    nic("a", ["10.0.0.9/24"], { slave: true }),
    nic("b", ["10.0.0.8/24"], { up: false }),
    nic("c", ["10.0.0.7/24"], { carrier: false }),
    nic("e", []),
  ];
  const wanted = { address: "10.0.0.5", prefix: null, needLink: true, preferred: null };
  t.match(chooseInterface([...unfit, d0, nic("d2", ["10.0.0.3/24"])], wanted), { interface: "d0" });
  t.match(chooseInterface(unfit, { ...wanted, needLink: false }), { interface: "c" });
  const none = chooseInterface(unfit, wanted);
  t.match(none, { type: "none", why: /a: part of a bond.*b: down; c: no link; e \(no address\)/ });
});

test("an interface with several networks is asked for each of them", async (t) => {
  const both = nic("d0", ["10.0.0.1/24", "10.0.0.2/25"]);
  const wanted = { address: "10.0.0.5", prefix: 25, needLink: true, preferred: null };
  t.same(chooseInterface([both], wanted), { type: "chosen", interface: "d0", prefix: 25 });
});

test("an address of its own is no network to put another one in", async (t) => {
  const single = nic("d0", ["10.0.0.5/32"]);
  const wanted = { address: "10.0.0.5", prefix: null, needLink: true, preferred: null };
  t.equal(chooseInterface([single], wanted).type, "none");
});

test("IPv6 goes where its network is", async (t) => {
  const wanted = { address: "fd00:1::5", prefix: null, needLink: true, preferred: null };
  const dual = nic("d0", ["10.0.0.1/24", "fe80::1/64", "fd00:1::1/64"]);
  t.same(chooseInterface([lo, dual], wanted), { type: "chosen", interface: "d0", prefix: 64 });
});

test("a preferred interface is the only one that is taken", async (t) => {
  const wanted = { address: "10.0.0.5", prefix: null, needLink: true, preferred: "d2" };
  const d2 = nic("d2", ["10.0.0.3/24"]);
  t.match(chooseInterface([d0, d2], wanted), { type: "chosen", interface: "d2" });
  t.match(chooseInterface([d0], wanted), { why: /d0: not the preferred interface d2/ });
});
