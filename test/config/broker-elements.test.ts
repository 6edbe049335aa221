/** The elements `qpidd` and `qpidd-primary`: their parameters, and what is refused. */
import { test } from "tap";
import { brokerScripts, promotingServices } from "../../src/services/tree/broker-scripts.ts";
import { formatComplaints, parseClusterConf } from "./parsed-conf.ts";

function text(rm: string, attributes = ""): string {
  const nodes = [1, 2].map((node) => `<clusternode name="node${node}" nodeid="${node}"/>`).join("");
  const domains = [1, 2].map((node) => {
    const member = `<failoverdomainnode name="node${node}"/>`;
    return `<failoverdomain name="n${node}" restricted="1">${member}</failoverdomain>`;
  });
  return (
    `<cluster name="qpid" config_version="1"><clusternodes>${nodes}</clusternodes>` +
    `<rm ${attributes}><failoverdomains>${domains.join("")}</failoverdomains>${rm}</rm></cluster>`
  );
}

const own = [1, 2].map((node) => {
  return `<service name="b${node}" domain="n${node}"><qpidd ref="broker"/></service>`;
});
const resources = '<resources><qpidd name="broker"/></resources>';
const primary = '<service name="p"><qpidd-primary name="primary"/></service>';
const whole = `${resources}${own.join("")}${primary}`;

function read(rm: string, attributes = "") {
  return parseClusterConf(text(rm, attributes), { file: "c" });
}

test("a broker has defaults, and each node's broker counts", async (t) => {
  const { conf, complaints } = read(whole);
  t.equal(formatComplaints(complaints.filter(({ severity }) => severity === "error")), "");
  if (conf === null) throw new Error("refused");
  const [first] = conf.services.services;
  if (first === undefined) throw new Error("no service");
  const [broker] = brokerScripts(first);
  t.match(broker, { promotes: false, source: { config: "/etc/qpid/qpidd.conf", user: "" } });
  t.same(Object.fromEntries(broker?.resource.attributes ?? []), {
    name: "broker",
    binary: "/usr/sbin/qpidd",
    run_as: "qpidd",
    config: "/etc/qpid/qpidd.conf",
    heartbeat: "2",
  });
  t.equal(Number(first.boundTo), 1);
  const [promoting] = promotingServices(conf.services);
  t.equal(promoting?.[0], "service:p");
  t.same([...(promoting?.[1] ?? [])].map(String), ["1,service:b1", "2,service:b2"]);
});

test("how a broker is asked is taken from its element", async (t) => {
  const account =
    'address="10.0.0.1:5673" user="cluster" password_file="/etc/qpid/pw" mechanism="PLAIN" ' +
    'heartbeat="5"';
  const { conf } = read(`<service name="p"><qpidd-primary name="x" ${account}/></service>`);
  const [service] = conf?.services.services ?? [];
  if (service === undefined) throw new Error("no service");
  t.match(brokerScripts(service)[0], {
    promotes: true,
    source: {
      ...{ address: "10.0.0.1:5673", user: "cluster" },
      ...{ passwordFile: "/etc/qpid/pw", mechanism: "PLAIN", heartbeatMs: 5000 },
    },
  });
});

test("a broker that nobody would ask is refused, one that may be anywhere is told", async (t) => {
  const off = formatComplaints(read(whole, 'qpid="off"').complaints);
  t.match(off, /error: .*<qpidd> and qpid="off" in <rm>: nothing would ask this broker/);
  t.match(off, /error: .*<qpidd-primary> and qpid="off"/);
  const floats = read(`<service name="b"><qpidd name="broker"/></service>`);
  t.match(
    formatComplaints(floats.complaints),
    /warning: .*service:b may run on several nodes: the state of its broker decides nothing/,
  );
  const alone = formatComplaints(read(primary).complaints);
  t.match(alone, /warning: .*qpidd-primary\(primary\): no service runs a broker that could be/);
  const mistyped = read('<service name="p"><qpidd-primary name="x" mechanism="GSSAPI"/></service>');
  t.match(formatComplaints(mistyped.complaints), /"GSSAPI" .*PLAIN.*ANONYMOUS/);
  for (const heartbeat of ["0", "11", "1.5", "2s"]) {
    const wrong = read(`<service name="b"><qpidd name="x" heartbeat="${heartbeat}"/></service>`);
    const told = new RegExp(`error: .*heartbeat.*"${heartbeat}".*1 to 10`);
    t.match(formatComplaints(wrong.complaints), told);
  }
});
