/** What is known of nodes that are not there, and how the starts of services hear of it. */
import { test } from "tap";
import type { ServiceConf } from "../../src/model/conf.ts";
import { id } from "../sim/cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { TableDriver } from "./table-driver.ts";

function conf(services: readonly ServiceConf[]) {
  const sample = sampleConf({ fencing: { cleanStart: true } });
  return { ...sample, services: { ...sample.services, services } };
}

function webService(): ServiceConf {
  return sampleService("web", [script("web")]);
}

/** Three ready nodes, the service started on node 1. */
function started(): TableDriver {
  return new TableDriver(conf([webService()])).view(1, 2, 3).ready(1, 2, 3).succeed();
}

test("T6: a start says whether some node was only presumed to be off", async (t) => {
  const last = (driver: TableDriver) => driver.operations.at(-1)?.unproven;
  const fresh = new TableDriver(conf([webService()])).view(1, 2, 3).ready(1, 2, 3);
  t.equal(last(fresh), true, "nobody has owned the service yet");
  t.equal(last(started().view(2, 3).fenced(1)), false, "a device has switched it off");
  const presumed = started().view(2, 3).fenced(1, false);
  t.equal(last(presumed), true, "its lease must have ended");
  presumed.succeed().view(1, 2, 3);
  t.equal(presumed.table.node(id(1)).unproven, true, "it is back, and may still be cleaning up");
  presumed.ready(1);
  t.equal(presumed.table.node(id(1)).unproven, false, "it has verified that it runs nothing");
  const early = new TableDriver(conf([webService()])).view(1, 2).ready(1, 2);
  t.equal(last(early), true, "with clean_start, of a node that nobody has seen");
});

test("T2: the lease of a former machine proves nothing of the present one", async (t) => {
  const driver = new TableDriver(conf([webService()]));
  driver.moved = [2];
  driver.view(1, 2).ready(1);
  driver.fenced(3).fenced(2, false);
  t.equal(driver.operations.length, 0, "node 2 is a member and still cleans up");
  t.equal(driver.table.node(id(2)).knowledge, "unknown");
  driver.moved = [];
  driver.ready(2);
  t.match(driver.operations.at(-1)?.operation, { kind: "start" }, "it has verified that it is off");
});

test("T2: a lost node that came back is off when a device has switched it off", async (t) => {
  const driver = started().view(2, 3).view(1, 2, 3).fenced(1);
  t.match(driver.operations.at(-1)?.operation, { kind: "start", node: 2 });
});
