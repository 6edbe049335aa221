/**
 * Prints how long a ring takes to be whole again after each step of the story, as a table:
 * `npm run story -- --nodes 3,5,8 --transport udp,udpu --family IPv4`. Asserts nothing but that it
 * becomes whole. Exit status 77 where namespaces are missing.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { enterOrSkip } from "../netns/enter.ts";

await enterOrSkip();
const { RingStory } = await import("./ring-story.ts");

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "3,5,8" },
    transport: { type: "string", default: "udp" },
    family: { type: "string", default: "IPv4" },
  },
});

const say = (text: string) => process.stdout.write(`${text}\n`);
const load = () => (loadavg()[0] ?? 0).toFixed(2);
const columns: { readonly head: string; readonly times: ReadonlyMap<string, number> }[] = [];

async function play(nodes: number, transport: string, family: string): Promise<void> {
  const kind = transport === "udpu" ? "udpu" : "udp";
  const story = new RingStory({
    nodes,
    transport: kind,
    family: family === "IPv6" ? "IPv6" : "IPv4",
  });
  const times = new Map<string, number>();
  await story.start();
  say(`${story.label}: load ${load()}`);
  try {
    const oneWay = await story.oneWayProblem();
    if (oneWay !== null) say(`no cuts of one direction: ${oneWay}`);
    const chapters = [...story.chapters, ...(oneWay === null ? story.oneWayChapters : [])];
    for (const chapter of chapters) {
      for (const { step, tookMs } of await chapter.play()) {
        times.set(`${chapter.title}: ${step.replace(/ \d+ \/ \d+/, "")}`, tookMs);
      }
    }
  } finally {
    await story.stop();
  }
  say(`${story.label}: load ${load()} at the end`);
  columns.push({ head: `${nodes} ${kind}${family === "IPv6" ? "6" : ""}`, times });
}

for (const family of values.family.split(",")) {
  for (const transport of values.transport.split(",")) {
    for (const nodes of values.nodes.split(",")) await play(Number(nodes), transport, family);
  }
}
const rows = [...new Set(columns.flatMap(({ times }) => [...times.keys()]))];
const width = Math.max(...rows.map((row) => row.length));
const heads = columns.map(({ head }) => head.padStart(9));
say(`\n${"milliseconds until one ring".padEnd(width)}  ${heads.join("")}`);
for (const row of rows) {
  const cells = columns.map(({ times }) => (times.get(row)?.toFixed(0) ?? "").padStart(9));
  say(`${row.padEnd(width)}  ${cells.join("")}`);
}
process.exit(0);
