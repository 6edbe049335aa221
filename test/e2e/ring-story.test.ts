/**
 * The ring as an operator meets it: one story, told for several sizes and for both transports, all
 * at the same time, each in namespaces of its own: most of it is waiting.
 */
import { fileURLToPath } from "node:url";
import { enterNamespaces } from "../netns/enter.ts";
import type { Chapter, StoryOptions } from "./ring-story.ts";

/** The longest first. What IPv6 changes is addresses and groups, so cuts are not told again. */
const stories: Readonly<Record<string, StoryOptions & { readonly cuts: boolean }>> = {
  "5 nodes by multicast": { nodes: 5, transport: "udp", family: "IPv4", cuts: true },
  "3 nodes by multicast": { nodes: 3, transport: "udp", family: "IPv4", cuts: true },
  "3 nodes by unicast": { nodes: 3, transport: "udpu", family: "IPv4", cuts: true },
  "3 nodes by multicast, IPv6": { nodes: 3, transport: "udp", family: "IPv6", cuts: false },
  "3 nodes by unicast, IPv6": { nodes: 3, transport: "udpu", family: "IPv6", cuts: false },
};
/** More daemons at once would only wait for processors while they start. */
const storiesAtOnce = 4;

const chosen = stories[process.argv[2] ?? ""];
if (chosen === undefined) await tellAll();
else await tell(chosen);

async function tellAll(): Promise<void> {
  const { t } = await import("tap");
  t.jobs = storiesAtOnce;
  const script = fileURLToPath(import.meta.url);
  const told = Object.keys(stories).map((title) =>
    t.spawn(process.execPath, ["--enable-source-maps", script, title], { buffered: true }, title),
  );
  await Promise.all(told);
}

async function tell({ cuts, ...options }: (typeof stories)[string]): Promise<void> {
  const entry = await enterNamespaces();
  const { test, t: suite } = await import("tap");
  const { RingStory } = await import("./ring-story.ts");
  const skip = entry.type === "unsupported" ? entry.reason : false;
  const story = new RingStory(options);
  if (skip === false) await story.start();
  suite.teardown(() => story.stop());
  const oneWay = skip || (await story.oneWayProblem());
  // Each chapter goes on where the one before ended: after a failure, none can tell anything.
  let failed: string | null = null;
  const play = ({ title, play }: Chapter, problem: string | false | null) =>
    test(`${title}: one ring`, { skip: problem ?? false }, async (t) => {
      if (failed !== null) return void t.pass({ skip: `the story broke off: ${failed}` });
      failed = title;
      t.ok((await play()).length > 0);
      failed = null;
    });
  for (const chapter of story.chapters) void play(chapter, skip);
  for (const chapter of cuts ? story.oneWayChapters : []) void play(chapter, oneWay);
}
