/**
 * What is unwise in the qpidd.conf of this machine, as warnings beside those of the cluster's own
 * configuration. Only for nodes whose services run a broker.
 * Source: qpidd-findings.ts, which knows what follows from each setting.
 */
import { availableParallelism } from "node:os";
import type { BrokerSource } from "../brokers/own-broker.ts";
import { parseQpiddConf } from "../brokers/qpidd-conf.ts";
import { type QpiddContext, qpiddFindings } from "../brokers/qpidd-findings.ts";
import type { Complaint } from "../config/text/complaint.ts";
import type { OwnQpiddConf } from "../io/qpidd-conf-file.ts";
import { ownBrokerScripts } from "../life/broker-duty.ts";
import type { FencingConf } from "../model/conf.ts";
import { type Ms, ms } from "../model/time.ts";
import type { LoadedConf } from "./loaded-conf.ts";

type Checked = Pick<LoadedConf, "conf" | "local" | "addresses">;

/** `read` finds the file of the init scripts; it is not called where no service runs a broker. */
export async function checkBrokerConf(
  { conf, local, addresses }: Checked,
  read: (source: BrokerSource) => PromiseLike<OwnQpiddConf>,
): Promise<readonly Complaint[]> {
  const [script] = ownBrokerScripts(conf, local.id).toSorted((a, b) => {
    return Number(a.promotes) - Number(b.promotes);
  });
  if (script === undefined) return [];
  const { path: file, text } = await read(script.source);
  const warning = { type: "host", severity: "warning", file } as const;
  if (!text.ok) {
    const problem = `cannot be read: ${text.problem}`;
    const allowed = "the broker of this node is not observed";
    return [{ ...warning, line: 0, path: "", problem, allowed }];
  }
  const context: QpiddContext = {
    nodes: conf.nodes.map(({ id, name }) => {
      const address = addresses.find((one) => one.id === id)?.address;
      return { name, hosts: [shortName(name), ...(address === undefined ? [] : [address])] };
    }),
    processors: availableParallelism(),
    selfKillMs: selfKillMs(conf.fencing),
  };
  return qpiddFindings(parseQpiddConf(text.value), context).map((finding) => {
    const { key: path, line, cause: problem, remedy: allowed } = finding;
    return { ...warning, line: line ?? 0, path, problem, allowed };
  });
}

/** A name of the node in its domain, as in /etc/hosts. */
function shortName(name: string): string {
  return name.replace(/\..*$/, "");
}

/** From the last token of a node that is cut off to the end of its broker, at the latest. */
function selfKillMs({ leaseMs, killTimeoutMs, watchdog }: FencingConf): Ms {
  return ms(leaseMs + Math.max(killTimeoutMs, watchdog?.timeoutMs ?? 0));
}
