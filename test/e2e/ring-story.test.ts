/**
 * The ring as an operator meets it: one story, told for several sizes and for both transports.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test } = await import("tap");
const { RingStory } = await import("./ring-story.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const stories = [
  { nodes: 3, transport: "udp", family: "IPv4" },
  { nodes: 3, transport: "udpu", family: "IPv4" },
  { nodes: 5, transport: "udp", family: "IPv4" },
] as const;

for (const options of stories) {
  const label = `${options.nodes} nodes, ${options.transport}, ${options.family}`;
  test(label, { skip }, async (t) => {
    const story = new RingStory(options);
    t.teardown(() => story.stop());
    await story.start();
    const oneWay = (await story.oneWayProblem()) ?? false;
    const play = async (
      { title, play }: (typeof story.chapters)[number],
      problem: string | false,
    ) =>
      await t.test(`${title}: one ring`, { skip: problem }, async (chapter) => {
        const times = await play();
        chapter.ok(times.length > 0);
      });
    for (const chapter of story.chapters) await play(chapter, false);
    for (const chapter of story.oneWayChapters) await play(chapter, oneWay);
  });
}
