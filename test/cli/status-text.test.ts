import { test } from "tap";
import {
  formatDecisions,
  formatStatus,
  formatTime,
  type StatusQuery,
} from "../../src/cli/status-text.ts";
import { formatXml } from "../../src/cli/status-xml.ts";
import {
  type OwnBrokerStatus,
  type ServiceState,
  serviceStateNumbers,
} from "../../src/model/status.ts";
import {
  exampleFailover,
  exampleNode,
  exampleNow,
  exampleService,
  exampleStatus,
} from "../control/fake-backend.ts";
import { sameAsGolden } from "./golden-file.ts";

process.env["TZ"] = "UTC";

const everything: StatusQuery = { member: null, service: null, long: false, columns: 80 };
const inquorate = exampleStatus({
  quorum: { ...exampleStatus().quorum, quorate: false, votes: 1 },
  nodes: [exampleNode(2, { online: false }), exampleNode(1), exampleNode(3, { online: false })],
  services: null,
});
/** One service in every state and with every flag, on nodes with telling names. */
const everyState = exampleStatus({
  nodes: [
    exampleNode(1),
    exampleNode(2, { name: "a-node-with-quite-a-long-name.in-a-long-domain.example.com" }),
    exampleNode(7, { ready: false }),
    exampleNode(4095, { name: "n", online: true, ready: false }),
  ],
  services: Object.keys(serviceStateNumbers).map((name, index) =>
    exampleService(name, {
      state: stateOf(name),
      owner: [1, 2, 0, 99][index % 4] ?? 0,
      lastOwner: [2, 0, 1, 99, 4095][index % 5] ?? 0,
      frozen: index % 3 === 1,
      partial: index % 4 === 1,
      transition: index === 0 ? 0 : exampleNow + index,
      restarts: index,
    }),
  ),
});

function stateOf(name: string): ServiceState {
  const states: readonly ServiceState[] = [
    "stopped",
    "starting",
    "started",
    "stopping",
    "failed",
    "uninitialized",
    "checking",
    "recoverable",
    "recovering",
    "disabled",
    "migrating",
  ];
  return states.find((state) => state === name) ?? "uninitialized";
}

test("a service whose owner is lost is not quietly shown as started", async (t) => {
  const wait = { kind: "fencing", nodes: [2], at: null, remedy: "" };
  const waitingFor = "node2.example.com to be fenced or proven clean";
  const services = [
    exampleService("web", { owner: 2, waitingFor, wait }),
    exampleService("mail", { owner: 1 }),
  ];
  const { out } = formatStatus(exampleStatus({ services }), everything);
  t.match(out, /^ service:web +node2\.example\.com +started/m, "the original's row");
  t.ok(out.endsWith(`\n\nNote: service:web waits for ${waitingFor}\n`), out);
  const { out: quiet } = formatStatus(exampleStatus(), everything);
  t.notMatch(quiet, /Note:/);
});

test("the whole status is byte-exact at several widths", (t) => {
  for (const columns of [40, 80, 81, 132, 250]) {
    const query = { ...everything, columns };
    const example = formatStatus(exampleStatus(), query);
    sameAsGolden(t, `clustat/example-${columns}.txt`, example.out);
    t.equal(example.exit, 0);
    sameAsGolden(t, `clustat/states-${columns}.txt`, formatStatus(everyState, query).out);
  }
  t.end();
});

test("the status at 80 columns is what rgmanager's users know", (t) => {
  const lines = [
    "Cluster Status for qpid-test @ Mon Mar 10 10:00:00 2014",
    "Member Status: Quorate",
    "",
    " Member Name                             ID   Status",
    " ------ ----                             ---- ------",
    " node1.example.com                           1 Online, Local, rgmanager",
    " node2.example.com                           2 Online, rgmanager",
    " node3.example.com                           3 Offline",
    "",
    " Service Name                   Owner (Last)                   State         ",
    " ------- ----                   ----- ------                   -----         ",
    " service:node1-qpidd-service    node1.example.com              started       ",
    " service:node2-qpidd-service    node2.example.com              started    [Z]",
    " service:node3-qpidd-service    (node3.example.com)            stopped       ",
    " service:qpidd-primary-service  node1.example.com              started       ",
  ];
  t.equal(formatStatus(exampleStatus(), everything).out, lines.map((l) => `${l}\n`).join(""));
  t.end();
});

test("the long form, the XML and the inquorate forms are byte-exact", (t) => {
  const long = { ...everything, long: true };
  sameAsGolden(t, "clustat/states-long.txt", formatStatus(everyState, long).out);
  sameAsGolden(t, "clustat/example.xml", formatXml(exampleStatus(), everything).out);
  sameAsGolden(t, "clustat/states.xml", formatXml(everyState, everything).out);
  sameAsGolden(t, "clustat/inquorate.txt", formatStatus(inquorate, everything).out);
  sameAsGolden(t, "clustat/inquorate.xml", formatXml(inquorate, everything).out);
  t.end();
});

test("states that are being transferred are a temporary failure", (t) => {
  const report = formatStatus(exampleStatus({ services: null }), everything);
  t.match(report.out, /^Service states unavailable: Temporary failure; try again\nCluster Status/);
  t.notMatch(report.out, /rgmanager|Service Name/);
  t.end();
});

test("without services there is no service table", (t) => {
  t.match(formatStatus(exampleStatus({ services: [] }), everything).out, /3 Offline\n\n$/);
  t.notMatch(formatXml(exampleStatus({ services: [] }), everything).out, /groups/);
  t.end();
});

test("a single service exits with its state", (t) => {
  const exits = Object.keys(serviceStateNumbers).map((name) => {
    const query = { ...everything, service: `service:${name}` };
    const { exit } = formatStatus(everyState, query);
    t.equal(formatXml(everyState, query).exit, exit, `${name}: the XML form exits alike`);
    return `${name} ${exit}`;
  });
  t.same(exits, [
    "stopped 110",
    "starting 0",
    "started 0",
    "stopping 0",
    "failed 114",
    "uninitialized 115",
    "checking 116",
    "recoverable 117",
    "recovering 118",
    "disabled 119",
    "migrating 120",
  ]);
  t.end();
});

test("a single service is the table's header and one row", (t) => {
  const query = { ...everything, service: "service:node3-qpidd-service" };
  sameAsGolden(t, "clustat/one-service.txt", formatStatus(exampleStatus(), query).out);
  const long = { ...query, long: true };
  sameAsGolden(t, "clustat/one-service-long.txt", formatStatus(exampleStatus(), long).out);
  sameAsGolden(t, "clustat/one-service.xml", formatXml(exampleStatus(), query).out);
  t.end();
});

test("a single member is the header and one row without the service manager", (t) => {
  for (const [member, exit] of [
    ["node1.example.com", 0],
    ["node3.example.com", 1],
  ] as const) {
    const query = { ...everything, member };
    const report = formatStatus(exampleStatus(), query);
    sameAsGolden(t, `clustat/member-${member.slice(0, 5)}.txt`, report.out);
    t.equal(report.exit, exit);
    t.equal(formatXml(exampleStatus(), query).exit, exit);
    // A service that is asked for at the same time is not looked at.
    t.same(formatStatus(exampleStatus(), { ...query, service: "service:x" }), report);
  }
  const query = { ...everything, member: "node1.example.com" };
  sameAsGolden(t, "clustat/member.xml", formatXml(exampleStatus(), query).out);
  t.end();
});

test("an unknown member or service exits 255 as text and 0 as XML", (t) => {
  for (const query of [
    { ...everything, service: "service:nothing" },
    { ...everything, member: "node9" },
  ]) {
    t.same(formatStatus(exampleStatus(), query), { out: "", err: "", exit: 255 });
    t.equal(formatXml(exampleStatus(), query).exit, 0);
  }
  t.end();
});

test("a single service of unknown state is an error on standard error", (t) => {
  const query = { ...everything, service: "service:node1-qpidd-service" };
  const err = "Service states unavailable: Operation requires quorum\n";
  t.same(formatStatus(inquorate, query), { out: "", err, exit: 1 });
  t.match(formatXml(inquorate, query), { err, exit: 1 });
  t.match(formatDecisions(inquorate, "service:web"), { out: "", err: /^Service st/, exit: 1 });
  t.end();
});

test("names with characters of XML markup are escaped", (t) => {
  const status = exampleStatus({ services: [exampleService('a<&>"b')] });
  t.match(formatXml(status, everything).out, 'name="service:a&lt;&amp;&gt;&quot;b"');
  t.end();
});

test("the reasons of a service are its decisions, oldest first", (t) => {
  const web = exampleService("web", {
    state: "stopped",
    owner: 0,
    waitingFor: "its next attempt, 30 s after the last event",
    wait: { kind: "retry", nodes: [], at: exampleNow + 30, remedy: "clusvcadm-ts -e web" },
    candidates: [
      { node: 1, fit: true, reason: "best, 2 services" },
      { node: 2, fit: false, reason: "lost" },
    ],
    decisions: [
      {
        at: exampleNow - 86400,
        text: "starting on node2.example.com (evaluation)",
        nodes: [
          { node: 1, fit: false, reason: "best, 2 services" },
          { node: 2, fit: true, reason: "best, 0 services" },
        ],
      },
      { at: exampleNow, text: "stopped: node2.example.com is known to be off", nodes: [] },
    ],
    failovers: [exampleFailover],
  });
  const off = exampleService("off", { state: "disabled", owner: 0 });
  const services = [web, exampleService("quiet"), off];
  const status = exampleStatus({ services });
  sameAsGolden(t, "clustat/why.txt", formatDecisions(status, "service:web").out);
  t.match(formatDecisions(status, "service:quiet").out, /is started on node1.*\nNo decision/);
  const text = "its check has been running for 42 s (/etc/init.d/web status)";
  const agents = { ...status.agents, overdue: [{ service: "service:quiet", text, seconds: 42 }] };
  const hanging = formatDecisions({ ...status, agents }, "service:quiet").out;
  t.match(hanging, /\nOverdue here: its check has been running for 42 s/);
  t.match(formatDecisions(status, "service:off").out, /To start it: clusvcadm-ts -e service:off/);
  const inquorate = exampleStatus({ services: null, quorum: { ...status.quorum, quorate: false } });
  t.match(formatDecisions(inquorate, "service:web"), { exit: 1, err: /Waiting for: quorum; / });
  const long = { ...everything, long: true, service: "service:web" };
  t.match(formatStatus(status, long).out, /\n {2}Waiting For {5}: its next attempt, 30 s/);
  t.match(formatDecisions(status, "service:x"), { exit: 255, err: /does not exist: service:x/ });
  t.end();
});

test("the brokers of all nodes are shown for the service that promotes one", (t) => {
  const brokers = [
    { node: 1, state: "active", depth: 3, text: "" },
    { node: 2, state: "silent", depth: 0, text: "it is frozen" },
  ];
  const status = exampleStatus({
    services: [exampleService("primary", { brokers }), exampleService("web")],
  });
  const words = "node1.example.com active, node2.example.com silent (it is frozen)";
  const long = { ...everything, long: true, service: "service:primary" };
  t.match(formatStatus(status, long).out, `\n  Brokers         : ${words}\n`);
  t.match(formatDecisions(status, "service:primary").out, `\nBrokers: ${words}\n`);
  t.notMatch(formatDecisions(status, "service:web").out, /Brokers/);
  t.end();
});

test("a standstill of brokers, and what was lost, are notes", (t) => {
  const wait = { kind: "broker", nodes: [], at: null, remedy: "" };
  const waitingFor = "brokers: no promotable broker (2 catchup)";
  const stopped = { state: "stopped", owner: 0, waitingFor, wait } as const;
  const status = exampleStatus({
    services: [exampleService("primary", { ...stopped, notes: ["all was lost"] })],
  });
  const plain = formatStatus(status, everything).out;
  t.match(
    plain,
    `\n\nNote: service:primary waits for ${waitingFor}\nNote: service:primary: all was`,
  );
  const long = { ...everything, long: true, service: "service:primary" };
  t.match(formatStatus(status, long).out, "\n  Note            : all was lost\n");
  t.match(formatDecisions(status, "service:primary").out, "\nNote: all was lost\n");
  t.end();
});

test("the broker of this node is shown for the services that it runs here", (t) => {
  const own = exampleService("node1-qpidd-service");
  const primary = exampleService("qpidd-primary-service", { owner: 2 });
  const other = exampleService("web");
  const long = { ...everything, long: true };
  const shown = (state: OwnBrokerStatus["state"], text: string, service: string) => {
    const broker = { state, text, services: [own.name, primary.name] };
    const status = exampleStatus({ services: [own, primary, other], broker });
    const one = formatStatus(status, { ...long, service }).out;
    const why = formatDecisions(status, service).out;
    const [inLong] = /(?<=\n {2}Broker Here {5}: ).*/.exec(one) ?? [null];
    t.equal(/(?<=\nBroker here: ).*/.exec(why)?.[0] ?? null, inLong);
    return inLong;
  };
  t.equal(shown("active", "", own.name), "active");
  const words = "Failed to authenticate: 1";
  t.equal(shown("refusing", words, own.name), `refusing: ${words}`);
  t.equal(shown("not-observed", "/a: no such file", own.name), "not observed: /a: no such file");
  t.equal(shown("active", "", primary.name), null, "it runs on another node");
  t.equal(shown("active", "", other.name), null);
  t.equal(shown("idle", "", own.name), null);
  t.equal(shown("unused", "", own.name), null);
  t.end();
});

test("times are printed as ctime does", (t) => {
  t.equal(formatTime(0), "Thu Jan  1 00:00:00 1970");
  t.equal(formatTime(exampleNow), "Mon Mar 10 10:00:00 2014");
  t.equal(formatTime(1735689599), "Tue Dec 31 23:59:59 2024");
  t.end();
});
