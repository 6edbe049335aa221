/**
 * The commented example of a configuration, with fence devices.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { calmed } from "./calm-conf.ts";

export type FencedParts = {
  /** Content of the node's `<fence>`. */
  readonly methods: (node: number) => string;
  /** Content of `<fencedevices>`. */
  readonly devices: string;
  /** Attributes of `<fence_daemon>`. */
  readonly daemon?: string;
};

export function fencedConf(project: string, { methods, devices, daemon }: FencedParts): string {
  const example = readFileSync(join(project, "conf/cluster.conf.example"), "utf8");
  const plain = calmed(example).replace(/<!--[\s\S]*?-->/g, "");
  const withMethods = plain.replace(
    /<clusternode name="(node\d)\.example\.com" nodeid="(\d)"\/>/g,
    (_, name: string, id: string) =>
      `<clusternode name="${name}.example.com" nodeid="${id}"><fence>${methods(Number(id))}` +
      "</fence></clusternode>",
  );
  const settings = daemon === undefined ? "" : `<fence_daemon ${daemon}/>`;
  const more = `</clusternodes><fencedevices>${devices}</fencedevices>${settings}`;
  return withMethods.replace("</clusternodes>", more);
}
