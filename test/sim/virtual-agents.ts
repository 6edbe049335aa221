/** What a simulated node has done by agents: on its virtual host, and to its peers by fencing. */
import type { NodeAgents } from "../../src/life/node-agents.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import type { VirtualHost } from "./virtual-host.ts";
import type { VirtualProcess } from "./virtual-process.ts";

export type AgentsParts = {
  readonly conf: ClusterConf;
  readonly place: NodeId;
  readonly host: VirtualHost;
  readonly process: VirtualProcess;
  /** Tells the actions of this daemon from those of earlier ones on the same machine. */
  readonly firstAction: number;
  readonly options: ClusterOptions;
  /** Whether the machine has had its power since these agents began. */
  readonly powered: () => boolean;
  /** The victim is switched off. */
  readonly onFenced: (victim: NodeId) => void;
};

const agentTakesMs = 20;

export function virtualAgents(parts: AgentsParts): NodeAgents {
  const { conf, place, host, process, firstAction, options } = parts;
  const { time, fenceAgent, fenceTakesMs, unfenceAgent } = options;
  return {
    perform: ({ action, order }, done) => {
      host.perform(firstAction + action, order, (report) => process.enter(() => done(report)));
    },
    cancel: (action) => host.kill(firstAction + action),
    fence: ({ victim: name }, _withdrawn, done) => {
      const victim = conf.nodes.find((node) => node.name === name)?.id;
      if (victim === undefined) throw new Error(`no node ${name}`);
      time.after(fenceTakesMs?.(victim) ?? agentTakesMs, () => {
        if (!parts.powered()) return;
        const outcome = fenceAgent?.(victim) ?? "failure";
        if (outcome === "success") parts.onFenced(victim);
        process.enter(() => done({ outcome, text: `agent ${outcome}` }));
      });
    },
    unfence: (_withdrawn, done) => {
      time.after(agentTakesMs, () => {
        const outcome = unfenceAgent?.(place) ?? "success";
        process.enter(() => done({ outcome, text: `agent ${outcome}` }));
      });
    },
  };
}
