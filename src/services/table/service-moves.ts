/**
 * Moves of a started service to another node, because a user asked for it or because that node is
 * better. What is known of a broker may be seconds old, and when the service has been stopped to
 * move to a broker that has just died, messages may be lost: so its node asks it first. The restart
 * of a service that promotes is such a move: the stop ends its primary.
 * Source: rgmanager groups.c: consider_relocate; it asks nobody.
 * Tested in: test/services/service-moves.test.ts
 * MOVE1  A service that chooses a broker is stopped to move only after the broker that it is to
 *     move to has answered its node since the move was decided, unless an operator permits
 *     otherwise. Until then nothing is interrupted.
 * MOVE2  An answer counts only while the service, the owner and the choice are as they were when
 *     the question was put; each membership ends all questions.
 * MOVE3  A service that a user has placed fails back only after a better node has become ready.
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import { failed, refused } from "../../model/request-outcome.ts";
import { beginStop } from "./evaluation.ts";
import type { BrokerLooked } from "./service-messages.ts";
import { type AskedMove, emptyChain, type Move } from "./service-state.ts";
import type { TableState, TableWork } from "./table-state.ts";

/** Stops the service, so that it starts elsewhere, at once or after MOVE1. */
export function beginMove(table: TableState, name: ServiceName, move: Move): void {
  invariant(!table.moves.has(name), `MOVE2: ${name} is to move twice`);
  const target = brokerToAsk(table, name, move);
  if (target === null) {
    stopToMove(table, name, move);
    return;
  }
  const id = table.nextOp++;
  table.moves.set(name, { ...move, id, target, startOp: table.service(name).startOp });
  table.decide(name, `asking the broker of ${table.nameOf(target)} first: ${move.why}`);
  table.emit({ type: "look-at-broker", node: target, life: table.node(target).life, move: id });
}

function stopToMove(table: TableState, name: ServiceName, move: Move): void {
  const { owner, goal, chain, why } = move;
  beginStop(table, name, { node: owner, goal: { type: goal }, chain, why });
}

/** The node whose broker would be promoted; null: the states of brokers do not decide. */
function brokerToAsk(table: TableState, name: ServiceName, move: Move): NodeId | null {
  const { owner, chain } = move;
  if (chain.forced || table.promotion(name) === null) return null;
  const able = table.candidates(name, [...chain.tried, owner]).map(({ node }) => node);
  const { prefer } = chain;
  return prefer !== null && able.includes(prefer) ? prefer : (able[0] ?? null);
}

/** The broker that a service is to move to has been asked. */
export function onBrokerLooked(table: TableState, message: BrokerLooked): void {
  const found = [...table.moves].find(([, { id }]) => id === message.move);
  if (found === undefined) return;
  const [name, move] = found;
  const { target, chain } = move;
  if (message.node !== target || table.node(target).life !== message.life) return;
  table.moves.delete(name);
  const text = message.problem ?? changed(table, name, move);
  if (text === null) {
    // The one that was asked, and no other one.
    stopToMove(table, name, { ...move, chain: { ...chain, prefer: target } });
    return;
  }
  if (table.services.has(name)) {
    table.decide(name, `not moved to ${table.nameOf(target)}: ${text}`, { level: "warning" });
  }
  const why = message.problem === null ? failed("overtaken") : refused("broker-not-promotable");
  table.reply(chain.requests, why);
}

/** What has changed since the question was put (MOVE2); null: nothing. */
function changed(table: TableState, name: ServiceName, move: AskedMove): string | null {
  const service = table.services.get(name);
  const { owner, target, startOp } = move;
  const same = service?.state === "started" && service.op === null && service.startOp === startOp;
  if (service === undefined || !same) return "something else was done with it meanwhile";
  if (service.frozen || table.locked || table.isHeld(name)) return "it must not be stopped now";
  if (!table.isReady(owner) || !table.isReady(target)) return "not both nodes are ready any more";
  if (table.exclusivityConflict(name, target) !== null) return "an exclusive service is in the way";
  const able = table.promotion(name)?.nodes.includes(target) !== false;
  return able ? null : "its broker may not be promoted any more";
}

/** MOVE2; who has asked for a move can ask again. */
export function endMoves(table: TableState): void {
  for (const [name, { target, chain }] of table.moves) {
    const text = `not moved to ${table.nameOf(target)}: the membership has changed meanwhile`;
    table.decide(name, text, { level: "warning" });
    table.reply(chain.requests, failed("overtaken"));
  }
  table.moves.clear();
}

/** A node became ready: what a user has placed may fail back to it, now or later (MOVE3). */
export function* considerNewcomer(table: TableState, newcomer: NodeId): TableWork {
  const placed = table.brokers.placed.filter((name) => {
    const { owner } = table.service(name);
    return owner === null || table.score(name, newcomer) <= table.score(name, owner);
  });
  table.brokers = { ...table.brokers, placed };
  yield* failBackAll(table, newcomer);
}

/** Services fail back to this ready node if it is better than their present owner. */
export function* failBackAll(table: TableState, newcomer: NodeId): TableWork {
  for (const { name } of table.inOrder()) {
    failBack(table, newcomer, name);
    yield;
  }
}

/** The states of brokers have changed: what they have prevented until now may be done. */
export function failBackToBroker(table: TableState, name: ServiceName): void {
  const { state, owner, op } = table.service(name);
  if (state !== "started" || owner === null || op !== null) return;
  if (table.brokers.placed.includes(name)) return;
  const better = table.readyNodes().filter((node) => {
    return table.score(name, node) > table.score(name, owner);
  });
  if (better.length === 0) return;
  for (const { node } of table.candidates(name, [owner])) failBack(table, node, name);
}

/** The service fails back to this ready node if that is better than its present owner. */
export function failBack(table: TableState, newcomer: NodeId, name: ServiceName): void {
  const { state, owner, op, frozen } = table.service(name);
  if (table.locked || state !== "started" || owner === null || op !== null) return;
  if (frozen || !table.isReady(owner) || table.moves.has(name)) return;
  if (table.score(name, newcomer) <= table.score(name, owner)) return;
  if (table.promotion(name)?.nodes.includes(newcomer) === false) return;
  if (table.exclusivityConflict(name, newcomer) !== null) return;
  const failback = {
    cause: "failback",
    tried: [owner],
    prefer: newcomer,
    fallback: owner,
  } as const;
  beginMove(table, name, {
    owner,
    goal: "next",
    chain: { ...emptyChain, ...failback },
    why: `${table.nameOf(newcomer)} is a better node`,
  });
}
