/** The interface that carries an address. */
import { test } from "tap";
import type { InterfaceReport } from "../../src/model/agent-orders.ts";
import { parseAddressWithPrefix } from "../../src/model/numeric-address.ts";
import { chooseInterface } from "../../src/vip/interface-choice.ts";

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
