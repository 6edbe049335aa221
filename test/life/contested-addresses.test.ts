/** Addresses that are probed while they are up, and another host that answers for one of them. */
import { test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import type { ClaimedAddresses, Network, ProbeResult } from "../../src/io/network-ports.ts";
import type { ProcessRunner } from "../../src/io/ports.ts";
import { OrderPerformer } from "../../src/life/order-performer.ts";
import type { AddressOrder, AgentOrder, AgentReport } from "../../src/model/agent-orders.ts";
import { accept } from "../../src/model/outcome.ts";
import { until } from "../io/waiting.ts";
import { service } from "../sim/cluster.ts";

const web = service("web");
const mac = "52:54:00:12:34:56";
const address: AddressOrder = {
  interface: "eth0",
  address: "10.0.0.5",
  prefix: 24,
  family: "ipv4",
};

class Scene {
  readonly told: string[] = [];
  readonly performer: OrderPerformer;
  answer: (result: ProbeResult) => void = () => undefined;

  constructor() {
    const network: Omit<Network, "watch"> = {
      interfaces: async () => accept([]),
      addAddress: async () => ({ type: "added" }),
      removeAddress: async () => ({ type: "removed" }),
      announce: () => () => undefined,
      probe: () =>
        new Promise((resolve) => {
          this.answer = resolve;
        }),
    };
    this.performer = new OrderPerformer({
      clock: systemClock(),
      processes: {} as ProcessRunner,
      network,
      claims: {} as ClaimedAddresses,
      onClaimed: () => undefined,
      onContested: (name, why) => this.told.push(`${name}: ${why}`),
      trackingToken: "token",
    });
  }

  perform(order: AgentOrder): Promise<AgentReport> {
    return new Promise((resolve) => {
      this.performer.perform({ action: 1, service: web, order }, resolve);
    });
  }

  async contested(): Promise<readonly unknown[]> {
    const report = await this.perform({ type: "list-interfaces" });
    return report.type === "interfaces" ? report.contested : [];
  }
}

test("ADDRESS2: a probe aside holds nothing up, and its answer causes a check", async (t) => {
  const scene = new Scene();
  t.same(await scene.perform({ type: "probe-aside", address }), { type: "done" });
  t.same(scene.told, [], "nobody has answered yet");
  scene.answer({ type: "taken", mac });
  await until("the service is to be checked", () => scene.told.length === 1);
  t.same(scene.told, [`service:web: 10.0.0.5 is in use by ${mac}, too`]);
  t.same(await scene.contested(), [{ address: "10.0.0.5", mac }]);
});

test("ADDRESS2: until a probe finds it free, each list of the interfaces says so", async (t) => {
  const scene = new Scene();
  await scene.perform({ type: "probe-aside", address });
  scene.answer({ type: "taken", mac });
  await until("it is known", () => scene.told.length === 1);
  await scene.perform({ type: "remove-address", address });
  t.equal((await scene.contested()).length, 1, "also when it is not up any more");
  const probed = scene.perform({ type: "probe-address", address });
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  scene.answer({ type: "free" });
  t.same(await probed, { type: "done" });
  t.same(await scene.contested(), []);
});

test("ADDRESS2: no answer at all contests nothing", async (t) => {
  const scene = new Scene();
  await scene.perform({ type: "probe-aside", address });
  scene.answer({ type: "unknown", cause: "EPERM" });
  t.same(await scene.contested(), []);
  t.same(scene.told, []);
});
