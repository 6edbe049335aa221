/** Which warnings a qpidd.conf gets beside those of the cluster's own configuration. */
import { test } from "tap";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import { checkBrokerConf } from "../../src/daemon/broker-conf-check.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";

const path = "/etc/qpid/qpidd.conf";

function confWith(file: string): ClusterConf {
  const sample = sampleConf({ qpid: "observe" });
  const qpidd = { ...script("broker"), attributes: [["file", file]] as const };
  const services = [sampleService("broker", [qpidd])];
  return { ...sample, services: { ...sample.services, services } };
}

async function warnings(text: Result<string, string>, conf = confWith("/etc/init.d/qpidd")) {
  const [local] = conf.nodes;
  if (local === undefined) throw new Error("no node");
  const addresses = conf.nodes.map(({ id }) => ({ id, address: `20.0.20.${id}` }));
  const complaints = await checkBrokerConf({ conf, local, addresses }, async () => {
    return { path, text };
  });
  return complaints.map(formatComplaint);
}

const wise = [
  "ha-cluster=yes",
  "ha-brokers-url=20.0.20.1,node2,node3.example.com",
  "ha-replicate=all",
  "auth=no",
  "data-dir=/var/lib/qpidd",
  "worker-threads=4",
  "link-maintenance-interval=0.1",
];

test("a wise file has no warnings, whatever name of a node it uses", async (t) => {
  t.same(await warnings(accept([...wise, "link-heartbeat-interval=10"].join("\n"))), []);
});

test("each finding is a warning with file, line, setting and remedy", async (t) => {
  const text = [...wise.slice(2), "ha-cluster=yes", "ha-brokers-url=node1,node2"].join("\n");
  const found = await warnings(accept(`${text}\nlink-heartbeat-interval=4\n`));
  t.equal(found.length, 2);
  t.match(found[0], /^\/etc\/qpid\/qpidd\.conf:7: warning: ha-brokers-url: it does not list node3/);
  // The lease of the sample, and its time to kill.
  t.match(
    found[1],
    /^\/etc\/qpid\/qpidd\.conf:8: warning: link-heartbeat-interval: a primary that /,
  );
});

test("a file that cannot be read is a warning, if a service here needs it", async (t) => {
  const absent = refuse("ENOENT: no such file or directory");
  t.same(await warnings(absent), [
    `${path}: warning: cannot be read: ENOENT: no such file or directory; ` +
      "the broker of this node is not observed",
  ]);
  t.same(await warnings(absent, confWith("/etc/init.d/web")), []);
});
