/** The order of a sweep, and what it believes. */
import { test } from "tap";
import type { Addresses } from "../../src/io/network-ports.ts";
import type { TrackedLook } from "../../src/io/ports.ts";
import { lookForServices, sweepServices } from "../../src/io/service-sweep.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";
import { accept, refuse } from "../../src/model/outcome.ts";

const address = "20.0.20.200";
const scope = { token: "t", addresses: [address] };

/** A machine with or without the address; every call is noted. */
class Machine implements Addresses {
  readonly calls: string[] = [];
  held: boolean;
  listable = true;
  look: TrackedLook = { found: [], unseen: [] };
  /** Happens as the processes are killed. */
  onKill: () => void = () => undefined;

  constructor(held: boolean) {
    this.held = held;
  }

  get ports() {
    return { addresses: this, processes: this };
  }

  async interfaces() {
    this.calls.push("list");
    if (!this.listable) return refuse("EAGAIN");
    const own = {
      address,
      prefix: 24,
      family: "ipv4" as const,
      detection: "done" as const,
      marked: true,
    };
    const eth0 = { name: "eth0", index: 2, mac: null, up: true, carrier: true, operstate: "up" };
    const rest = { loopback: false, mtuBytes: null, slave: false };
    return accept([{ ...eth0, ...rest, addresses: this.held ? [own] : [] }]);
  }

  async addAddress() {
    return { type: "failed", cause: "nobody adds one here" } as const;
  }

  async removeAddress(order: AddressOrder) {
    this.calls.push(`remove ${order.address}`);
    this.held = false;
    return { type: "removed" } as const;
  }

  async killTracked(): Promise<TrackedLook> {
    this.calls.push("kill");
    this.onKill();
    return this.look;
  }

  async listTracked(): Promise<TrackedLook> {
    return this.look;
  }
}

test("addresses go before processes, and are looked for again afterwards", async (t) => {
  const machine = new Machine(true);
  t.same(await sweepServices(machine.ports, scope), []);
  t.same(machine.calls, ["list", `remove ${address}`, "kill", "list"]);
});

test("an address that comes up during the kill is left, and goes with the next try", async (t) => {
  const machine = new Machine(false);
  machine.onKill = () => {
    machine.held = true;
  };
  t.same(await sweepServices(machine.ports, scope), [address]);
  machine.onKill = () => undefined;
  t.same(await sweepServices(machine.ports, scope), []);
});

test("what cannot be looked at is left", async (t) => {
  const machine = new Machine(false);
  machine.look = { found: [], unseen: ["/proc: EMFILE"] };
  t.same(await sweepServices(machine.ports, scope), ["cannot look: /proc: EMFILE"]);
  t.same(await lookForServices(machine.ports, scope), ["cannot look: /proc: EMFILE"]);
  machine.look = { found: [], unseen: [] };
  machine.listable = false;
  t.same(await sweepServices(machine.ports, scope), ["cannot look: addresses: EAGAIN"]);
});
