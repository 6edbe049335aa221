/** The index beside the table says what the records say, after whatever was put and configured. */
import fc from "fast-check";
import { test } from "tap";
import type { ClusterConf, ServiceConf } from "../../src/model/conf.ts";
import type { ServiceName } from "../../src/model/ids.ts";
import {
  emptyChain,
  freshRecord,
  type ServiceRecord,
} from "../../src/services/table/service-state.ts";
import { TableState } from "../../src/services/table/table-state.ts";
import { id, service } from "../sim/cluster.ts";
import { sampleConf, sampleService } from "../sim/sample-conf.ts";

const names = ["a", "b", "c", "d"] as const;
const nodes = [1, 2, 3] as const;
const states = ["stopped", "starting", "started", "stopping", "failed", "disabled"] as const;

const name = fc.constantFrom(...names);
const putting = fc.record({
  type: fc.constant("put" as const),
  name,
  state: fc.constantFrom(...states),
  node: fc.constantFrom(...nodes),
  /** Of a stopping service: whether it has an owner; of a started one: whether it is repaired. */
  odd: fc.boolean(),
  retryAt: fc.option(fc.nat()),
  crowdedOut: fc.boolean(),
});
const defining = fc.record({
  name,
  exclusive: fc.boolean(),
  domain: fc.constantFrom(null, "node1-domain", "node2-domain"),
  depend: fc.option(name),
  priority: fc.nat(2),
});
const definitions = fc.uniqueArray(defining, { selector: (one) => one.name });
const switching = fc.record({ type: fc.constant("switch" as const), definitions });
type Putting = typeof putting extends fc.Arbitrary<infer Value> ? Value : never;
type Definition = typeof defining extends fc.Arbitrary<infer Value> ? Value : never;

function confOf(given: readonly Definition[]): ClusterConf {
  const sample = sampleConf();
  const services: ServiceConf[] = given.map(({ name: own, depend, ...rest }) =>
    sampleService(own, [], { ...rest, depend: depend === null ? null : service(depend) }),
  );
  return { ...sample, services: { ...sample.services, services } };
}

/** A record that keeps the rules of its state. */
function recordOf(put: Putting, operation: number): ServiceRecord {
  const node = id(put.node);
  const { state, odd } = put;
  const shared = { id: operation, node, life: 1, chain: emptyChain };
  const stop = { kind: "stop", ...shared, goal: { type: "exit" }, cleanup: "no" } as const;
  const fresh = { ...freshRecord(service(put.name)), state };
  switch (state) {
    case "starting":
      return { ...fresh, owner: node, op: { kind: "start", ...shared } };
    case "started": {
      const repair = { kind: "repair", parts: "failed", ...shared } as const;
      return { ...fresh, owner: node, op: odd ? repair : null };
    }
    case "stopping":
      return { ...fresh, owner: odd ? node : null, op: stop };
    case "stopped":
      return { ...fresh, retryAt: put.retryAt, crowdedOut: put.crowdedOut };
    default:
      return fresh;
  }
}

/** Every answer, computed from the records alone. */
function answersOf(conf: ClusterConf, records: ReadonlyMap<ServiceName, ServiceRecord>) {
  const { services, domains } = conf.services;
  const all = services.map((own) => ({ own, record: records.get(own.name) }));
  const order = services.toSorted((a, b) => a.priority - b.priority).map((own) => own.name);
  const on = (node: number) => all.filter(({ record }) => record?.owner === id(node));
  const busy = (node: number, except: ServiceName | null) =>
    on(node).filter(({ own, record }) => {
      const occupies = record?.state === "started" || record?.state === "starting";
      return occupies && own.name !== except;
    });
  const exclusive = (node: number, except: ServiceName) =>
    on(node)
      .filter(({ own }) => own.exclusive && own.name !== except)
      .map(({ own }) => own.name)
      .toSorted();
  return {
    order,
    crowded: all.some(({ record }) => record?.crowdedOut),
    waiting: all.filter(({ record }) => record?.retryAt != null).map(({ own }) => own.name),
    operations: all.flatMap(({ own, record }) => (record?.op ? [[record.op.id, own.name]] : [])),
    domains: services.map((own) => domains.find((one) => one.name === own.domain) ?? null),
    dependents: order.map((one) =>
      services.filter(({ depend }) => depend === one).map((own) => own.name),
    ),
    loads: nodes.map((node) => [null, ...order].map((one) => busy(node, one).length)),
    others: nodes.map((node) => order.map((one) => on(node).some(({ own }) => own.name !== one))),
    rivals: nodes.map((node) => order.map((one) => exclusive(node, one)[0] ?? null)),
  };
}

/** The same answers of the index. */
function toldBy({ index, conf }: TableState, operations: readonly number[]) {
  const { order } = index;
  return {
    order,
    crowded: !index.nobodyCrowdedOut,
    waiting: conf.services.services
      .map((own) => own.name)
      .filter((one) => [...index.waiting].includes(one)),
    extra: [...index.waiting].filter((one) => !order.includes(one)),
    operations: operations.flatMap((one) => {
      const owner = index.ofOperation(one);
      return owner === null ? [] : [[one, owner]];
    }),
    domains: conf.services.services.map((own) => index.domainOf(own.name)),
    dependents: order.map((one) => index.dependentsOf(one)),
    loads: nodes.map((node) => [null, ...order].map((one) => index.loadOf(id(node), one))),
    others: nodes.map((node) => order.map((one) => index.ownsOthers(id(node), one))),
    rivals: nodes.map((node) => order.map((one) => index.rivalOn(id(node), one))),
  };
}

test("INDEX1: the index agrees with the records", async (t) => {
  const steps = fc.array(fc.oneof({ weight: 4, arbitrary: putting }, switching), { maxLength: 30 });
  const agrees = fc.check(
    fc.property(definitions, steps, (first, all) => {
      const table = new TableState(confOf(first), () => null);
      for (const { name: own } of first) table.put(freshRecord(service(own)));
      const operations: number[] = [];
      for (const step of all) {
        if (step.type === "put") {
          if (!table.services.has(service(step.name))) continue;
          operations.push(operations.length + 1);
          table.put(recordOf(step, operations.length));
        } else {
          const next = confOf(step.definitions);
          const stays = new Set(next.services.services.map((own) => own.name));
          const before = [...table.services.keys()];
          table.adoptConf(next);
          for (const one of before) if (!stays.has(one)) table.forget(one);
          for (const one of stays) if (!before.includes(one)) table.put(freshRecord(one));
        }
        const wanted = answersOf(table.conf, table.services);
        const operation = (a: readonly unknown[], b: readonly unknown[]) =>
          Number(a[0]) - Number(b[0]);
        const sorted = wanted.operations.toSorted(operation);
        const told = toldBy(table, operations);
        const expected = { ...wanted, operations: sorted, extra: [] };
        if (JSON.stringify(keyed(told)) !== JSON.stringify(keyed(expected))) {
          throw new Error(`${JSON.stringify(told)}\nbut ${JSON.stringify(expected)}`);
        }
      }
    }),
    { numRuns: 300 },
  );
  t.equal(agrees.failed, false, fc.defaultReportMessage(agrees) ?? "agrees");
});

function keyed(value: object): unknown {
  return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
