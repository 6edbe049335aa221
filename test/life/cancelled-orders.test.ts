/** What becomes of an order that is cancelled, and what the next one for its service waits for. */
import { test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import type { AddAddressResult, ClaimedAddresses, Network } from "../../src/io/network-ports.ts";
import type { DoneFor, ProcessRunner, TrackedLook } from "../../src/io/ports.ts";
import { OrderPerformer } from "../../src/life/order-performer.ts";
import type { AgentOrder, AgentReport } from "../../src/model/agent-orders.ts";
import type { ServiceName } from "../../src/model/ids.ts";
import { accept } from "../../src/model/outcome.ts";
import { service } from "../sim/cluster.ts";

const web: ServiceName = service("web");
const mail: ServiceName = service("mail");
const address = {
  interface: "eth0",
  address: "20.0.20.200",
  prefix: 24,
  family: "ipv4",
} as const;
const add: AgentOrder = { type: "add-address", address };
const list: AgentOrder = { type: "list-interfaces" };
const kill: AgentOrder = { type: "kill-processes", service: web };

/** A network on which adding an address takes until the test says so, or until it is ended. */
class Scene {
  readonly calls: string[] = [];
  readonly performer: OrderPerformer;
  obedient = true;
  finish: () => void = () => undefined;

  constructor() {
    const nothing: TrackedLook = { found: [], unseen: [] };
    const processes: ProcessRunner = {
      run: async () => ({ type: "exited", code: 0, output: "" }),
      listTracked: async () => nothing,
      killTracked: async () => {
        this.calls.push("kill");
        return nothing;
      },
      killPresent: async () => ({ ended: [], left: [], unseen: [] }),
      endTracked: async () => ({ ended: [], left: [], unseen: [] }),
    };
    const network: Network = {
      interfaces: async () => {
        this.calls.push("list");
        return accept([]);
      },
      addAddress: (_, by) => this.#add(by),
      removeAddress: async () => ({ type: "absent" }),
      announce: () => () => undefined,
      probe: async () => ({ type: "free" }),
      watch: () => () => undefined,
    };
    const claims = {} as ClaimedAddresses;
    const onClaimed = (): void => undefined;
    const onContested = (): void => undefined;
    const parts = { processes, network, claims, onClaimed, onContested, trackingToken: "token" };
    this.performer = new OrderPerformer({ ...parts, clock: systemClock() });
  }

  perform(action: number, name: ServiceName, order: AgentOrder): Promise<AgentReport> {
    return new Promise((resolve) => {
      this.performer.perform({ action, service: name, order }, resolve);
    });
  }

  #add(by: DoneFor | undefined): Promise<AddAddressResult> {
    this.calls.push("add");
    return new Promise((resolve) => {
      this.finish = () => {
        this.calls.push("added");
        resolve({ type: "added" });
      };
      by?.cancelled?.addEventListener("abort", () => {
        this.calls.push("ended");
        if (this.obedient) setImmediate(this.finish);
      });
    });
  }
}

test("an order that is cancelled is ended, and the next look waits for its end", async (t) => {
  const scene = new Scene();
  void scene.perform(1, web, add);
  await new Promise(setImmediate);
  scene.performer.cancel(1);
  await scene.perform(2, web, list);
  t.same(scene.calls, ["add", "ended", "added", "list"]);
});

test("services do not wait for each other", async (t) => {
  const scene = new Scene();
  scene.obedient = false;
  void scene.perform(1, web, add);
  await new Promise(setImmediate);
  scene.performer.cancel(1);
  await scene.perform(2, mail, list);
  t.same(scene.calls, ["add", "ended", "list"]);
  scene.finish();
});

test("a kill is not over while an earlier order has not ended", async (t) => {
  const scene = new Scene();
  scene.obedient = false;
  void scene.perform(1, web, add);
  await new Promise(setImmediate);
  scene.performer.cancel(1);
  t.match(await scene.perform(2, web, kill), {
    type: "killed",
    survivors: 0,
    unseen: ["add-address of service:web was cancelled and has not ended yet"],
  });
  scene.finish();
  t.same(await scene.perform(3, web, kill), {
    type: "killed",
    survivors: 0,
    unseen: [],
  });
});

test("what was cancelled before it began does nothing", async (t) => {
  const scene = new Scene();
  const report = scene.perform(1, web, add);
  scene.performer.cancel(1);
  t.match(await report, { type: "failed" });
  t.same(scene.calls, []);
});

test("the end of a life ends all that it has ordered", async (t) => {
  const scene = new Scene();
  void scene.perform(1, web, add);
  await new Promise(setImmediate);
  t.same(await new Promise((resolve) => scene.performer.endAll(resolve)), []);
  t.same(scene.calls, ["add", "ended", "added"]);
});
