/**
 * The demonstrations. `npm run demo`: a three-node cluster with the published configuration on
 * this machine, a client that talks to the virtual address only, and what an operator would do and
 * suffer. `npm run demo -- openstack`: the same of HAProxy, MariaDB and an address as one service.
 * Needs no root where the kernel permits user namespaces. Leaves nothing behind, however it ends.
 */
import { enterNamespaces, skippedStatus } from "../netns/enter.ts";

const entry = await enterNamespaces();
if (entry.type === "unsupported") {
  process.stdout.write(`demo: skipped: ${entry.reason}\n`);
  process.exit(skippedStatus);
}
const [name = "qpid"] = process.argv.slice(2);
if (name === "qpid") process.exit(await (await import("./story.ts")).runDemo());
if (name === "openstack") process.exit(await (await import("./database-story.ts")).runDemo());
process.stderr.write(`demo: no demonstration "${name}"; there are: qpid, openstack\n`);
process.exit(1);
