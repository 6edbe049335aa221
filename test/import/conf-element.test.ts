/** The text of the elements: escapes, comments, long tags, and which line belongs to what. */
import { test } from "tap";
import { parseXml } from "../../src/config/text/xml.ts";
import { confAttribute, confElement, writeConf } from "../../src/import/conf-element.ts";

const at = { file: "/etc/x/cib.xml", line: 7 };

test("any value survives writing and reading", async (t) => {
  const value = "a \"b\" <c> & 'd' \t\n\r é --";
  const root = confElement("cluster", at, { attributes: [confAttribute("name", value, at)] });
  const { text } = writeConf(root, []);
  const parsed = parseXml(text);
  t.equal(parsed.ok ? parsed.value.root.attributes[0]?.value : null, value);
});

test("a comment is one, whatever it says, and names the file without its folders", async (t) => {
  const remarks = [{ at, text: "a -- b --> c\nd\u0000 -" }];
  const { text } = writeConf(confElement("cluster", at, { remarks }), ["--x", "-"]);
  t.ok(parseXml(text).ok, text);
  t.match(text, /<!-- cib\.xml:7: a - - b - -> c d\? - -->/);
  t.ok(text.split("\n").every((line) => line.length <= 100));
});

test("each line of a tag leads to its element", async (t) => {
  const wide = Array.from({ length: 9 }, (_, index) =>
    confAttribute(`attribute${index}`, "a value", at),
  );
  const child = confElement("child", at, { attributes: wide });
  const root = confElement("cluster", at, { children: [child] });
  const { text, lines } = writeConf(root, ["heading"]);
  const numbered = text.split("\n").map((line, index) => ({ line, number: index + 1 }));
  const tags = numbered.filter(({ line }) => /<child|attribute\d/.test(line));
  t.equal(tags.length, 10);
  for (const { number } of tags) t.equal(lines.get(number), child);
});
