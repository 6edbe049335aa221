/**
 * A service table of three nodes, each with a service for its own broker, and one service that
 * promotes; the test says what the brokers are.
 */
import type { BrokerState } from "../../src/brokers/broker-state.ts";
import type { BrokerMember } from "../../src/brokers/broker-status.ts";
import type { ClusterConf, ServiceConf } from "../../src/model/conf.ts";
import { type Answers, answering } from "../brokers/promotion-inputs.ts";
import { member, systemId } from "../brokers/statuses.ts";
import { service } from "../sim/cluster.ts";
import { type SampleOptions, sampleConf } from "../sim/sample-conf.ts";
import { TableDriver } from "./table-driver.ts";

export const primary = "qpidd-primary-service";
export const nodes = [1, 2, 3];
export const own = (node: number) => `node${node}-qpidd-service`;

export function brokerConf(
  rest: Partial<ServiceConf> = {},
  options: SampleOptions = {},
): ClusterConf {
  return sampleConf({
    ...{ qpid: "observe", fencing: { cleanStart: true }, primary: rest },
    ...options,
  });
}

export class Brokers extends TableDriver {
  constructor(conf = brokerConf()) {
    super(conf);
  }

  /** All nodes are ready, and have started their own brokers; these have not been seen yet. */
  begin(...members: readonly number[]): this {
    return this.view(...members)
      .ready(...members)
      .succeed();
  }

  /** What the broker of the node says; `lists`: the states of brokers 1, 2 and so on. */
  is(node: number, state: BrokerState, lists: readonly (BrokerState | null)[] = []): this {
    const members = lists.flatMap((one, at): readonly BrokerMember[] => {
      return one === null ? [] : [member(at + 1, one)];
    });
    return this.sees(node, { ...sightOf(node, state), members });
  }

  /** It was asked to become primary, and has refused until it is restarted. */
  refuses(node: number): this {
    return this.sees(node, { ...sightOf(node, "joining"), refuses: true });
  }

  gone(node: number): this {
    return this.sees(node, { type: "gone" });
  }

  silent(node: number): this {
    return this.sees(node, { type: "silent", why: "refused" });
  }

  /** The primary is on node 1, and the others have caught up. */
  serving(): this {
    this.begin(...nodes);
    for (const node of nodes) this.is(node, "joining");
    this.succeed();
    const lists: readonly BrokerState[] = ["active", "ready", "ready"];
    this.is(1, "active", lists);
    return this.is(2, "ready", lists).is(3, "ready", lists);
  }

  get primary(): string {
    return this.shown(primary);
  }

  get remedy(): string {
    return this.table.wait(service(primary))?.remedy ?? "";
  }

  get wait(): string {
    return this.table.waitingFor(service(primary)) ?? "";
  }
}

export function sightOf(node: number, state: BrokerState): Answers {
  const { sight } = answering(node, state, { systemId: systemId(node), members: [] });
  if (sight.type !== "answers") throw new Error("a broker that answers");
  return sight;
}
