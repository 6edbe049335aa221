/**
 * Plays every scene of partition-scenes.ts and prints as a table for how long nobody had the
 * address and no broker was primary: `npm run partitions`, `-- --only split`. Exit status 1 when
 * there were ever two owners, or something did not go as it must; 77 where namespaces are missing.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { enterOrSkip } from "../netns/enter.ts";

await enterOrSkip();
const scenes = await import("./partition-scenes.ts");

const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });
const say = (text: string) => process.stdout.write(`${text}\n`);
const stage = new scenes.PartitionScenes();
const { deaths, cuts, oneWayCuts, splits } = scenes;
const wanted = [...deaths, ...cuts, ...oneWayCuts, ...splits].filter(({ title }) =>
  title.includes(values.only),
);
const width = Math.max(...wanted.map(({ title }) => title.length));

function row(cells: readonly string[]): string {
  const [title = "", ...rest] = cells;
  return `${title.padEnd(width)}  ${rest.map((cell) => cell.padStart(9)).join("")}`;
}

async function play(): Promise<boolean> {
  let good = true;
  await stage.start();
  const oneWay = await stage.cluster.net.oneWayProblem();
  if (oneWay !== null) say(`no cuts of one direction: ${oneWay}`);
  say(`load ${(loadavg()[0] ?? 0).toFixed(2)}; milliseconds without a holder, without a primary`);
  say(row(["scene", "from", "to", "address", "primary", "two", "whole"]));
  for (const scene of wanted) {
    if (scene.oneWay && oneWay !== null) continue;
    const { from, to, handovers, doubles, tookMs } = await stage.play(scene);
    const gap = (what: string) =>
      handovers
        .filter((one) => one.what === what)
        .map(({ gapMs }) => gapMs.toFixed(0))
        .join("+") || "-";
    const two = doubles.length === 0 ? "never" : "TWO";
    const cells = [`${from}`, `${to}`, gap("address"), gap("primary"), two, tookMs.toFixed(0)];
    say(row([scene.title, ...cells]));
    for (const double of doubles) say(`  ${double}`);
    const placed = scene.expected === "either" || (from === to) === (scene.expected === "stays");
    if (!placed) say(`  expected: it ${scene.expected}`);
    good &&= doubles.length === 0 && placed;
  }
  say(stage.judge.attention);
  return good;
}

let good = false;
try {
  good = await play();
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
await stage.stop();
say(`partitions: ${good ? "passed" : "FAILED"}`);
process.exit(good ? 0 : 1);
