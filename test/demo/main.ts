/**
 * The demonstration: a three-node cluster with the published configuration on this machine, a
 * client that talks to the virtual address only, and what an operator would do and suffer.
 * Needs no root where the kernel permits user namespaces. Leaves nothing behind, however it ends.
 */
import { enterNamespaces, skippedStatus } from "../netns/enter.ts";

const entry = await enterNamespaces();
if (entry.type === "unsupported") {
  process.stdout.write(`demo: skipped: ${entry.reason}\n`);
  process.exit(skippedStatus);
}
const { runDemo } = await import("./story.ts");
process.exit(await runDemo());
