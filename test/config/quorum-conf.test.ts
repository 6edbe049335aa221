/**
 * What decides without a majority, as the file says it; and what agents are told by it.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import { agentRun } from "../../src/fencing/fence-agent.ts";
import { formatComplaints, parseClusterConf } from "./parsed-conf.ts";

function load(cman: string, nodes: number, fencing = { device: "", shared: "", unfence: "" }) {
  const { device, shared, unfence } = fencing;
  const inner =
    device === ""
      ? ""
      : `<fence><method name="a"><device name="d" ${device}/></method></fence>` +
        `<unfence>${unfence}</unfence>`;
  const listed = Array.from(
    { length: nodes },
    (_, at) => `<clusternode name="n${at + 1}" nodeid="${at + 1}">${inner}</clusternode>`,
  );
  const known = `<fencedevice name="d" agent="fence_dummy" ${shared}/>`;
  const devices = `<fencedevices>${known}</fencedevices>`;
  const text =
    `<cluster name="c" config_version="1">${cman}` +
    `<clusternodes>${listed.join("")}</clusternodes>${devices}</cluster>`;
  const { conf, complaints } = parseClusterConf(text, { file: "f" });
  return { conf, text: complaints.length === 0 ? "" : formatComplaints(complaints) };
}

test("case 3: a two_node file with three nodes is refused", async (t) => {
  const { conf, text } = load('<cman two_node="1" expected_votes="1"/>', 3);
  t.equal(conf, null);
  t.match(text, /two_node needs exactly 2 clusternodes, found 3/);
});

test("auto_tie_breaker: the nodes in the order in which they are preferred", async (t) => {
  const order = (rest: string) =>
    load(`<cman wait_for_all="1" auto_tie_breaker="1" ${rest}/>`, 4).conf?.quorum.tieBreaker;
  t.same(order(""), [1, 2, 3, 4]);
  t.same(order('auto_tie_breaker_node="lowest"'), [1, 2, 3, 4]);
  t.same(order('auto_tie_breaker_node="highest"'), [4, 3, 2, 1]);
  t.same(order('auto_tie_breaker_node="3 1"'), [3, 1]);
  t.equal(load("<cman/>", 4).conf?.quorum.tieBreaker, null);
});

test("last_man_standing: the window is 10 s, or the safe wait", async (t) => {
  const lms = 'wait_for_all="1" last_man_standing="1"';
  const windowOf = (rest: string, cman = lms) =>
    load(`<cman ${cman} ${rest}/>`, 3).conf?.quorum.lastManStandingMs;
  t.equal(windowOf(""), 10_000);
  t.equal(windowOf('last_man_standing_window="12000"'), 12_000);
  t.equal(windowOf("", ""), null);
  const slow = `<totem token="10000" consensus="12000"/><cman ${lms}/>`;
  const { conf } = load(slow, 3);
  t.equal(conf?.quorum.lastManStandingMs, conf?.fencing.safeWaitMs);
});

const off = { device: 'action="off"', shared: 'action="reboot" ip="10.0.0.9"', unfence: "" };

test("case 15: off at the device beats reboot at the fencedevice, in one line", async (t) => {
  const { conf, text } = load("", 3, off);
  const use = conf?.nodes[1]?.fenceMethods[0]?.devices[0];
  if (conf === null || use === undefined) throw new Error(text);
  const [{ name: victim } = fail()] = conf.nodes;
  const told = (action: "status" | null) =>
    agentRun(use, { victim, action })
      .stdin.split("\n")
      .filter((line) => line.startsWith("action"));
  t.same(told(null), ["action=off"]);
  t.same(told("status"), ["action=status"]);
});

function fail(): never {
  throw new Error("no node");
}

test("case 16: the obsolete option is passed on as action", async (t) => {
  const { conf } = load("", 3, { ...off, device: 'option="off"', shared: "" });
  const parameters = new Map(conf?.nodes[0]?.fenceMethods[0]?.devices[0]?.parameters);
  t.equal(parameters.get("action"), "off");
  t.equal(parameters.has("option"), false);
});

test("unfence: devices in file order, the device's action over the fencedevice's", async (t) => {
  const unfence = '<device name="d" action="on" port="1"/><device name="d" action="enable"/>';
  const { conf } = load("", 3, { ...off, unfence });
  const uses = conf?.nodes[0]?.unfence.map(({ parameters }) => Object.fromEntries(parameters));
  t.match(uses, [
    { action: "on", port: "1", ip: "10.0.0.9", nodename: "n1" },
    { action: "enable", ip: "10.0.0.9" },
  ]);
  const { text } = load("", 3, { ...off, unfence: '<device name="d"/>' });
  t.match(text, /attribute action is missing/);
});

test("unfence: a lease cannot be given back", async (t) => {
  const text =
    '<cluster name="c" config_version="1"><clusternodes><clusternode name="n1" nodeid="1">' +
    '<unfence><device name="s" action="on"/></unfence></clusternode></clusternodes>' +
    '<fencedevices><fencedevice name="s" agent="self"/></fencedevices></cluster>';
  const { conf, complaints } = parseClusterConf(text, { file: "f" });
  t.equal(conf, null);
  t.match(formatComplaints(complaints), /a lease that has ended cannot be given back/);
});
