/**
 * Generated and damaged files: the import neither throws nor takes long, and what it prints is
 * accepted by the reader of cluster.conf, whatever the files say.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { test } from "tap";
import { importConf } from "../../src/import/import-conf.ts";
import { parseClusterConf } from "../config/parsed-conf.ts";

const root = fileURLToPath(new URL("../../../test/golden/import/", import.meta.url));
const samples = readdirSync(root).flatMap((name) =>
  readdirSync(`${root}${name}`, { withFileTypes: true })
    .filter((one) => one.isFile() && one.name !== "expected")
    .map((one) => readFileSync(`${root}${name}/${one.name}`, "utf8")),
);

/** The promise of importConf; returns whether something was printed. */
function keepsPromise(...texts: readonly string[]): boolean {
  const sources = texts.map((text, index) => ({ file: `file${index}`, text, accounts: [] }));
  const imported = importConf(sources);
  if (!imported.ok) {
    if (imported.problem.length === 0) throw new Error("refused without a cause");
    for (const { line, file } of imported.problem) {
      const text = texts[Number(file.slice("file".length))] ?? "";
      if (line < 1 || line > text.split("\n").length) throw new Error(`no line ${line} in ${file}`);
    }
    return false;
  }
  const { conf, complaints } = parseClusterConf(imported.value.text, { file: "printed" });
  if (conf === null) throw new Error(complaints.map(({ problem }) => problem).join("; "));
  return true;
}

const fragment = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    ..."< > & \" ' = / <!-- --> -- <![CDATA[ ]]> { } : ; , ( ) INFINITY -INFINITY 0 1 -1 \n".split(
      " ",
    ),
    ..."</group> <group> <clone> </clone> <primitive/> <rule> &#10; &x; 99999999999 true lsb".split(
      " ",
    ),
    ' id="a"',
    ' id="test-group"',
    ' name="ip"',
    "\n  ",
    "totem {\n",
    "\n}\n",
    "Resources:\n",
    "\u0000",
    "\ufeff",
    "\ud800",
    "é",
  ),
);

test("damaged samples are printed or refused with a line, and never throw", async (t) => {
  let printed = 0;
  let refused = 0;
  const damage = fc.record({ at: fc.nat(6000), remove: fc.nat(120), insert: fragment });
  await fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      (sample, damages) => {
        const text = damages.reduce((before, { at, remove, insert }) => {
          const offset = at % (before.length + 1);
          return before.slice(0, offset) + insert + before.slice(offset + remove);
        }, sample);
        if (keepsPromise(text)) printed += 1;
        else refused += 1;
      },
    ),
    { numRuns: 500 },
  );
  t.ok(printed > 0 && refused > 0, `${printed} printed, ${refused} refused`);
});

/** Values at which rules differ. */
const word = fc.oneof(
  fc.constantFrom(
    ..."a b node1 node2 INFINITY -INFINITY 100 -5 0 true false ignore stop off 10s PT1M".split(" "),
    ..."192.0.2.1 192.0.2.1/24 24 255.255.255.0 :: /etc/x x:1;y:2 lrm:// ocf lsb systemd".split(
      " ",
    ),
    ..."name agent ref __x xmlns stonith heartbeat Stopped Master fence_xvm IPaddr2 3 60".split(
      " ",
    ),
    "",
    "two words",
    "a--b",
    "x".repeat(80),
    '"<&>',
  ),
  fc.string({ maxLength: 8 }),
);

const names =
  "id class provider type uname name value rsc with-rsc node score first then kind template " +
  "target index devices id-ref promotable";
const elements =
  "cib configuration crm_config cluster_property_set nvpair nodes node resources primitive group " +
  "clone master bundle template instance_attributes meta_attributes operations op constraints " +
  "rsc_location rsc_order rsc_colocation resource_set resource_ref rule expression " +
  "fencing-topology fencing-level rsc_defaults op_defaults";

const escaped = (text: string) =>
  text.replace(/[&<"]/g, (one) => `&#${one.charCodeAt(0)};`).replace(/[^\x20-\x7e]/g, "?");

const attributes = fc
  .uniqueArray(fc.constantFrom(...names.split(" ")), { maxLength: 6 })
  .chain((chosen) => fc.tuple(...chosen.map((name) => word.map((value) => [name, value] as const))))
  .map((pairs) => pairs.map(([name, value]) => ` ${name}="${escaped(value)}"`).join(""));

/** Elements nested up to `depth` times. */
function treeOf(depth: number): fc.Arbitrary<string> {
  const inner =
    depth === 0 ? fc.constant<string[]>([]) : fc.array(treeOf(depth - 1), { maxLength: 3 });
  return fc
    .tuple(fc.constantFrom(...elements.split(" ")), attributes, inner)
    .map(([name, written, children]) => `<${name}${written}>\n${children.join("")}</${name}>`);
}

const tree = treeOf(4);

test("any tree of a CIB's elements is printed or refused", async (t) => {
  await fc.assert(
    fc.property(fc.array(tree, { maxLength: 4 }), (parts) => {
      keepsPromise(`<cib><configuration>\n${parts.join("\n")}</configuration></cib>`);
    }),
    { numRuns: 300 },
  );
  t.pass("no exception");
});

const primitive = fc.tuple(fc.nat(9), word, word, fc.array(fc.tuple(word, word), { maxLength: 4 }));

/** Well-formed as a whole, so that the rules behind the reader are reached. */
function cibOf(
  resources: readonly (readonly [number, string, string, readonly (readonly [string, string])[]])[],
  constraints: readonly (readonly [number, number, string])[],
): string {
  const written = resources.map(([, standard, agent, pairs], index) => {
    const set = pairs.map(([name, value]) => {
      return `<nvpair name="${escaped(name) || "n"}" value="${escaped(value)}"/>`;
    });
    const kind = index % 3 === 0 ? "ocf" : escaped(standard) || "lsb";
    return (
      `<primitive id="r${index}" class="${kind}" provider="heartbeat" ` +
      `type="${escaped(agent) || "x"}"><instance_attributes>${set.join("")}</instance_attributes>` +
      `<meta_attributes>${set.join("")}</meta_attributes></primitive>`
    );
  });
  const rules = constraints.map(([a, b, score], index) => {
    const [one, other] = [`r${a}`, `r${b}`];
    const value = /^(-?INFINITY|-?\d{1,5})$/.test(score) ? score : "INFINITY";
    return [
      `<rsc_order id="o${index}" first="${one}" then="${other}"/>`,
      `<rsc_colocation id="c${index}" rsc="${one}" with-rsc="${other}" score="${value}"/>`,
      `<rsc_location id="l${index}" rsc="${one}" node="node${b % 3}" score="${value}"/>`,
    ][index % 3];
  });
  return (
    '<cib><configuration><nodes><node id="1" uname="node0"/><node id="2" uname="node1"/></nodes>' +
    `<resources>${written.join("\n")}</resources><constraints>${rules.join("\n")}</constraints>` +
    "</configuration></cib>"
  );
}

test("any resources under any constraints are printed", async (t) => {
  let printed = 0;
  const constraint = fc.tuple(fc.nat(9), fc.nat(9), word);
  await fc.assert(
    fc.property(
      fc.array(primitive, { maxLength: 10 }),
      fc.array(constraint, { maxLength: 15 }),
      (resources, constraints) => {
        if (keepsPromise(cibOf(resources, constraints))) printed += 1;
      },
    ),
    { numRuns: 300 },
  );
  t.ok(printed > 200, `${printed} of 300 printed`);
});

const keys =
  "version cluster_name transport token consensus join secauth crypto_hash bindnetaddr mcastaddr " +
  "mcastport ttl broadcast nodeid ring0_addr ring1_addr name quorum_votes provider two_node " +
  "expected_votes wait_for_all auto_tie_breaker last_man_standing debug to_logfile logfile uid gid";
const sections = "totem interface nodelist node quorum logging logger_subsys uidgid device".split(
  " ",
);

/** Sections nested up to `depth` times. */
function sectionOf(depth: number): fc.Arbitrary<string> {
  const setting = fc.tuple(fc.constantFrom(...keys.split(" ")), word);
  const inner =
    depth === 0 ? fc.constant<string[]>([]) : fc.array(sectionOf(depth - 1), { maxLength: 3 });
  return fc
    .tuple(fc.constantFrom(...sections), fc.array(setting, { maxLength: 6 }), inner)
    .map(([name, settings, below]) => {
      const lines = settings.map(([key, value]) => `${key}: ${escaped(value)}`);
      return [`${name} {`, ...lines, ...below, "}"].join("\n");
    });
}

const corosync = sectionOf(2);

test("any corosync.conf is printed or refused, alone and with a CIB", async (t) => {
  const cib = samples.find((text) => text.includes("<cib")) ?? "";
  await fc.assert(
    fc.property(fc.array(corosync, { minLength: 1, maxLength: 5 }), (parts) => {
      const text = `totem {\n}\n${parts.join("\n")}\n`;
      keepsPromise(text);
      keepsPromise(text, cib);
    }),
    { numRuns: 200 },
  );
  t.pass("no exception");
});

const pcsTexts =
  "Cluster Name: a|Corosync Nodes:|n1 n2|Resources:|Group: g|Clone: c|Master: m|Meta Attrs: a=b|" +
  "Resource: r (class=ocf provider=heartbeat type=IPaddr2)|Resource: s (class=lsb type=s)|" +
  "Attributes: ip=192.0.2.1|Attributes: s-instance_attributes|ip=192.0.2.2 nic=|Operations:|" +
  "Operations: monitor interval=10s (x)|monitor: x|interval=10s timeout=|Stonith Devices:|" +
  "Resource: f (class=stonith type=fence_apc)|Fencing Levels:|Target: n1|Level 1 - f|" +
  "Location Constraints:|Resource: r|Enabled on: n1 (score:5)|Rule: score=5|" +
  "Expression: #uname eq n1|resource 'r' avoids node 'n2' with score 5|Ordering Constraints:|" +
  "start r then start s (kind:Mandatory)|Resource Sets:|set r s setoptions kind=Optional|" +
  "Colocation Constraints:|r with s (score:INFINITY)|Resource Set: x|Resources: 'r', 's'|" +
  "Cluster Properties:|no-quorum-policy: ignore|Resources Defaults:|Quorum:|Options:|Tags:";

test("any lines of pcs config are printed or refused", async (t) => {
  const line = fc.tuple(fc.nat(4), fc.oneof(fc.constantFrom(...pcsTexts.split("|")), word));
  await fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      const written = lines.map(([indent, text]) => `${"  ".repeat(indent)}${text}`);
      keepsPromise(["Cluster Name: a", ...written].join("\n"));
    }),
    { numRuns: 500 },
  );
  t.pass("no exception");
});

test("large files do not take long", async (t) => {
  const many = Array.from({ length: 900 }, (_, index) => index);
  const resources = many.map((index) => `<primitive id="r${index}" class="lsb" type="t${index}"/>`);
  const chain = many
    .slice(1)
    .map((index) => `<rsc_order id="o${index}" first="r${index - 1}" then="r${index}"/>`);
  const text =
    '<cib><configuration><nodes><node id="1" uname="a"/></nodes><resources>' +
    `${resources.join("")}</resources><constraints>${chain.join("")}</constraints>` +
    "</configuration></cib>";
  t.ok(keepsPromise(text));
  t.notOk(keepsPromise(`totem {\n${" ".repeat(900_000)}x`), "a long line");
  t.notOk(keepsPromise(`Cluster Name: a\n${'"\\'.repeat(3000)}`), "many quotation marks");
  t.notOk(keepsPromise("<!-- ".repeat(100_000)), "many comments");
  t.notOk(keepsPromise("totem {\n".repeat(100_000)), "many sections");
});
