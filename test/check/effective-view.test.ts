/**
 * Golden files: what `--check` shows of configurations in the style of real ones, in
 * test/golden/check/NAME.txt. `REWRITE=1` rewrites them; the difference is reviewed like code.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { checkJson, checkText, viewLines } from "../../src/check/check-report.ts";
import { type EffectiveView, effectiveView } from "../../src/check/effective-view.ts";
import { uncoveredCases } from "../../src/check/protection-gaps.ts";
import type { Complaint } from "../../src/config/text/complaint.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import { parseClusterConf } from "../config/parsed-conf.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** By name of the golden file. */
const sources: Readonly<Record<string, string>> = {
  "qpid-manual": "test/golden/qpid-manual-cluster.conf",
  "two-node-ipmi": "test/golden/real-style/two-node-ipmi.conf",
  "gfs2-clvmd": "test/golden/real-style/gfs2-clvmd.conf",
  pve: "test/golden/real-style/pve.conf",
  database: "test/golden/real-style/database.conf",
  "haproxy-mariadb": "conf/haproxy-mariadb.conf.example",
};

function parse(text: string): ClusterConf {
  const { conf } = parseClusterConf(text, { file: "cluster.conf" });
  if (conf === null) throw new Error("refused");
  return conf;
}

function view(conf: ClusterConf): EffectiveView {
  const addresses = conf.nodes.map(({ id }) => ({ id, address: `10.0.0.${id}` }));
  const [first] = conf.nodes;
  if (first === undefined) throw new Error("no node");
  return effectiveView(conf, { local: first.id, addresses });
}

test("what a check shows is written down", async (t) => {
  for (const [name, source] of Object.entries(sources)) {
    const path = `${root}test/golden/check/${name}.txt`;
    const conf = parse(readFileSync(`${root}${source}`, "utf8"));
    const text = viewLines(view(conf)).map((line) => `${line}\n`);
    if (process.env["REWRITE"] === "1") writeFileSync(path, text.join(""));
    t.equal(text.join(""), existsSync(path) ? readFileSync(path, "utf8") : null, name);
  }
});

const cluster = (more: { readonly cman?: string; readonly rm?: string; readonly top?: string }) =>
  `<cluster name="c" config_version="1"><cman ${more.cman ?? ""}/>${more.top ?? ""}<clusternodes>` +
  '<clusternode name="n1" nodeid="1"/><clusternode name="n2" nodeid="2"/>' +
  `<clusternode name="n3" nodeid="3"/></clusternodes><rm>${more.rm ?? ""}</rm></cluster>`;

const domain = (attributes: string, ...nodes: readonly string[]) =>
  `<failoverdomains><failoverdomain name="d" ${attributes}>${nodes
    .map((node, index) => `<failoverdomainnode name="${node}" priority="${index + 1}"/>`)
    .join("")}</failoverdomain></failoverdomains><service name="s" domain="d"/>`;

function candidates(rm: string): EffectiveView["services"][number]["candidates"] | undefined {
  return view(parse(cluster({ rm }))).services[0]?.candidates;
}

test("candidates are listed in the order in which they would be chosen", async (t) => {
  t.same(candidates('<service name="s"/>'), [["n1", "n2", "n3"]]);
  t.same(candidates(domain('ordered="1" restricted="1"', "n3", "n1")), [["n3"], ["n1"]]);
  t.same(candidates(domain('ordered="1"', "n3", "n1")), [["n3"], ["n1"], ["n2"]]);
  t.same(candidates(domain('restricted="1"', "n2")), [["n2"]]);
  t.same(candidates(domain("", "n2", "n1")), [["n1", "n2"], ["n3"]]);
});

test("the budget has the daemon's own figures", async (t) => {
  const conf = parse(cluster({}));
  const { budget } = view(conf);
  t.equal(budget.safeWaitMs, conf.fencing.safeWaitMs);
  t.equal(budget.watchdogSafeWaitMs, conf.fencing.watchdog?.safeWaitMs);
  t.equal(budget.ringMs, conf.totem.tokenMs + conf.totem.consensusMs);
  t.equal(budget.agentTimeoutMs, null);
  const off = view(parse(cluster({ top: '<fence_daemon self_fence="no"/>' })));
  t.equal(off.budget.safeWaitMs, null);
  t.match(viewLines(off).join("\n"), /run elsewhere after fence_ack-ts/);
  t.same(off.protection[0]?.notCovered, uncoveredCases("an operator", conf));
});

test("what slows a service down is a note at the service", async (t) => {
  const waits = view(
    parse(cluster({ rm: '<service name="s"><ip address="10.0.0.9"/></service>' })),
  );
  t.match(waits.services[0]?.notes, [/every stop waits 10 s, set sleeptime="0"/]);
  t.equal(waits.services[0]?.noticedMs, 20_000);
  const rm =
    '<service name="s"><script name="x" file="/x">' +
    '<action name="status" depth="*" interval="0"/></script></service>';
  const silent = view(parse(cluster({ rm })));
  t.match(silent.services[0]?.notes, [/script x is never checked/]);
  t.equal(silent.services[0]?.noticedMs, null);
});

test("the data says the same as the text, and the text ends with ok", async (t) => {
  const shown = view(parse(cluster({})));
  const clean = { file: "c.conf", status: 0, complaints: [], view: shown } as const;
  t.match(checkText(clean), /^cluster c, version 1, id 99\n[\s\S]*\nok\n$/);
  t.match(JSON.parse(checkJson(clean)), { status: 0, errors: 0, summary: "ok", view: shown });
  const complaint: Complaint = {
    ...{ type: "host", severity: "warning", file: "c.conf", line: 3, path: "/cluster" },
    problem: "p",
  };
  const warned = { ...clean, complaints: [complaint] };
  t.notMatch(checkText(warned), /ok\n$/);
  t.match(JSON.parse(checkJson(warned)), { warnings: 1, summary: "1 warning" });
  t.equal(checkText({ ...warned, view: null }), "");
});
