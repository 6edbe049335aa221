/**
 * A resource agent of rgmanager's dialect as a test writes it: it keeps its state in a file, says
 * what it was asked in which environment, and fails as told.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Below here the file system is one on all nodes; `/run` is each node's own. */
export type AgentDirectory = { readonly agents: string; readonly calls: string };

export function makeAgentDirectory(directory: string): AgentDirectory {
  const agents = join(directory, "agents");
  mkdirSync(agents);
  return { agents, calls: join(directory, "calls") };
}

export function writeAgent(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** What was asked so far, oldest first: `node action`. */
export function callsOf({ calls }: AgentDirectory): readonly string[] {
  if (!existsSync(calls)) return [];
  return readFileSync(calls, "utf8").trim().split("\n");
}

/**
 * The agent `lamp`: `start` lights it, `status` fails when it is out and exits 3 when it is broken,
 * `recover` repairs what is broken.
 */
export function lampAgent({ calls }: AgentDirectory): string {
  return `#!/bin/sh
lamp=/run/lamp-$OCF_RESKEY_name
[ "$1" = meta-data ] || echo "$CLUSTERD_NODE $1 $OCF_CHECK_LEVEL" >>${calls}
case $1 in
meta-data) cat <<'END'
<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1-modified.dtd">
<resource-agent version="rgmanager 2.0" name="lamp">
  <version>1.0</version>
  <longdesc lang="en">A lamp &amp; nothing else.</longdesc>
  <parameters>
    <parameter name="watt" required="1"><content type="integer"/></parameter>
    <parameter name="name" primary="1"><content type="string"/></parameter>
    <parameter name="colour"><content type="string" default="white"/></parameter>
    <parameter name="owner" inherit="service%name"><content type="string"/></parameter>
  </parameters>
  <actions>
    <action name="start" timeout="5"/>
    <action name="stop" timeout="5"/>
    <action name="status" timeout="2" interval="1s"/>
    <action name="recover" timeout="5"/>
    <action name="meta-data" timeout="5"/>
  </actions>
  <special tag="rgmanager"><attributes maxinstances="1"/></special>
</resource-agent>
END
;;
start) env >$lamp ;;
stop) rm -f $lamp ;;
status)
  [ -e $lamp.hangs ] && sleep 1000
  [ -e $lamp.broken ] && { echo "the lamp is broken"; exit 3; }
  [ -e $lamp ] || exit 7 ;;
recover) rm $lamp.broken ;;
*) exit 2 ;;
esac
`;
}
