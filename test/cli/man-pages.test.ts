import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { version } from "../../src/model/version.ts";
import { run } from "./spawned.ts";

const folder = fileURLToPath(new URL("../../../man/", import.meta.url));
const fencing = ["fence_check-ts", "fence_node-ts", "fence_tool-ts"];
const commands = ["ccs-ts", "clustat-ts", "clusvcadm-ts", "cman_tool-ts", "qpid-ha-ts", ...fencing];
const pages = [...commands, "clulog", "clusterd", "rg_test-ts"];

function page(name: string): string {
  return readFileSync(`${folder}${name}.8`, "utf8");
}

/** Roff escapes the hyphen of an option and marks its font. */
function plain(roff: string): string {
  return roff.replaceAll("\\-", "-").replace(/\\f./g, "");
}

test("every option a command knows is in its manual page", async (t) => {
  for (const name of commands) {
    // Its -h is the host of ccs.
    const { out } = await run(name, [name === "ccs-ts" ? "--help" : "-h"]);
    const options = [...new Set(out.match(/(?<=^|\s)--?[A-Za-z][a-z]*/g) ?? [])];
    t.ok(options.length > (fencing.includes(name) ? 2 : 8), `${name} lists its options`);
    const text = plain(page(name));
    const absent = options.filter((option) => !new RegExp(`(^|[ "])${option}\\b`, "m").test(text));
    t.same(absent, [], name);
  }
});

test("every manual page is of this version and has the sections people look for", (t) => {
  for (const name of pages) {
    const text = page(name);
    t.match(text.split("\n")[0], `"clusterd ${version}"`, name);
    for (const section of ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "FILES"]) {
      t.match(text, new RegExp(`^\\.SH ${section}$`, "m"), `${name}: ${section}`);
    }
  }
  t.end();
});

test("the formatter has nothing to complain of", async (t) => {
  const formatter = await run("/usr/bin/env", ["sh", "-c", "command -v groff"]);
  if (formatter.exit !== 0) {
    t.pass("not tried", { skip: "needs groff" });
    return;
  }
  for (const name of [...pages.map((page) => `${page}.8`), "clusterd-groups.7"]) {
    const words = ["groff", "-t", "-ww", "-man", "-Tutf8", "-z", `${folder}${name}`];
    t.same(await run("/usr/bin/env", words), { out: "", err: "", exit: 0 }, name);
  }
});
