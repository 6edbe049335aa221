/**
 * EDIT1 as a property: over all golden configurations, an edit either inserts at one place, removes
 * at one place, or rewrites one start tag; comments stay, and no valid file becomes invalid.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { test } from "tap";
import { ConfText, type PlacedElement } from "../../src/conf-tool/conf-text.ts";
import { editRules } from "../../src/conf-tool/edit-table.ts";
import { readClusterConf } from "../../src/config/cluster-conf.ts";
import { preventsStart } from "../../src/config/text/complaint.ts";
import { parseXml } from "../../src/config/text/xml.ts";
import { MemoryFiles } from "./memory-files.ts";

const golden = new URL("../../../test/golden/", import.meta.url);

function confs(folder: string): readonly string[] {
  const files = readdirSync(new URL(folder, golden)).filter((name) => name.endsWith(".conf"));
  return files.map((name) => readFileSync(fileURLToPath(new URL(folder + name, golden)), "utf8"));
}

const readable = [...confs(""), ...confs("real-style/"), ...confs("conf/")].filter(
  (text) => ConfText.parse(text).ok,
);

function elements(of: PlacedElement): readonly PlacedElement[] {
  return [of, ...of.children.flatMap(elements)];
}

const comments = (text: string) => text.match(/<!--[\s\S]*?-->/g) ?? [];

/** Where two texts differ: what stands there in each. */
function difference(before: string, after: string): readonly [string, string] {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let end = 0;
  const room = Math.min(before.length, after.length) - start;
  while (end < room && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  return [before.slice(start, before.length - end), after.slice(start, after.length - end)];
}

const value = fc.string({ maxLength: 12, unit: fc.constantFrom(..."ab <>&'\"1\u00e9") });
const anyText = fc.constantFrom(...readable);
const pick = fc.nat();

test("an element is added by an insertion, and removing it restores the text", async () => {
  await fc.assert(
    fc.property(anyText, pick, value, fc.boolean(), (text, at, content, first) => {
      const conf = ConfText.parse(text);
      if (!conf.ok) return false;
      const all = elements(conf.value.root);
      const index = at % all.length;
      const parent = all[index] ?? conf.value.root;
      const child = { name: "fresh", attributes: new Map([["a", content]]) };
      const added = conf.value.addChild(parent, child, first ? "first" : "last");
      // Too deep, for instance.
      if (!added.ok) return added.problem.includes("deep");
      const [gone] = difference(text, added.value.text);
      const made = elements(added.value.root)[index]?.children.find(
        (one) => one.name === "fresh" && one.attributes.get("a") === content,
      );
      if (made === undefined || !/^( ?\/>?)?$/.test(gone)) return false;
      const removed = added.value.remove(made);
      // The line end after the start tag of a parent that was empty stays, and one before a
      // neighbour that did not begin its line.
      const stays = first || parent.children.length === 0;
      return removed.ok && (removed.value.text === text || stays);
    }),
    { numRuns: 1000 },
  );
});

test("setting an attribute changes one start tag, and sets exactly that", async () => {
  await fc.assert(
    fc.property(anyText, pick, value, fc.boolean(), (text, at, content, present) => {
      const conf = ConfText.parse(text);
      if (!conf.ok) return false;
      const all = elements(conf.value.root);
      const index = at % all.length;
      const element = all[index] ?? conf.value.root;
      const [known = "fresh"] = element.attributes.keys();
      const name = present ? known : "fresh";
      const set = conf.value.setAttributes(element, new Map([[name, content]]));
      if (!set.ok) return false;
      const { offset, tagEnd } = element.source;
      const mark = text.startsWith("\ufeff") ? 1 : 0;
      const outside = text.slice(0, offset + mark) + text.slice(tagEnd + mark);
      const end = set.value.text.length - (text.length - mark - tagEnd);
      const rest = set.value.text.slice(0, offset + mark) + set.value.text.slice(end);
      const after = elements(set.value.root)[index]?.attributes;
      const wanted = new Map([...element.attributes, [name, content]]);
      return rest === outside && same(after ?? new Map(), wanted);
    }),
    { numRuns: 1000 },
  );
});

function same(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}

/** Words that are likely to mean something in the file. */
function wordsFor(text: string): fc.Arbitrary<readonly string[]> {
  const names = [...text.matchAll(/\b(?:name|ref|agent)="([^"]*)"/g)].map(([, name = ""]) => name);
  const pairs = ["name=x", "address=10.9.9.9", "domain=x", "agent=fence_ipmilan", "votes=2"];
  const words = ["x", "y", "script", "ip", "service", "fs:script", "restricted", "1", ...pairs];
  return fc.array(fc.constantFrom(...names, ...words), { maxLength: 5 });
}

test("no edit makes a valid file invalid, or loses a comment", async (t) => {
  const asked = anyText.chain((text) =>
    fc.tuple(fc.constant(text), fc.constantFrom(...Object.keys(editRules)), wordsFor(text)),
  );
  let made = 0;
  await fc.assert(
    fc.asyncProperty(asked, async ([text, name, words]) => {
      if (name === "createcluster") return true;
      const files = new MemoryFiles(text);
      const { exit, err } = await files.ccs(`--${name}`, ...words);
      const after = files.conf ?? "";
      if (exit !== 0) return after === text && err !== "";
      made += 1;
      const found = (of: string) => readClusterConf(parseXml(of), { file: "c.conf" }).complaints;
      const invalid = preventsStart(found(after)) && !preventsStart(found(text));
      // What is removed takes the comments inside it along.
      const kept = name.startsWith("rm") || comments(text).join() === comments(after).join();
      return kept && (!invalid || err.includes("is not finished yet"));
    }),
    { numRuns: 1000 },
  );
  t.ok(made > 20, `${made} edits were made`);
});
