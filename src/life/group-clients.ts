/**
 * The clients of process groups in one life of this node: keeps their tickets, streams and open
 * calls around the machine of the groups. Decides nothing about membership.
 * Tested in: test/control/control-groups.test.ts
 * CLIENT1  Inputs are taken one at a time, and the outputs of one are performed before the next is
 *     taken.
 * CLIENT2  When the life ends, every stream is ended and every call answered: a client that stayed
 *     would miss messages without knowing it.
 */
import { randomBytes } from "node:crypto";
import type { ControlError } from "../control/control-error.ts";
import {
  type EndReason,
  formatGroupLine,
  type GroupBackend,
  type GroupLine,
  type GroupListing,
  type GroupPosition,
  type GroupStream,
} from "../control/group-protocol.ts";
import type {
  GroupAnswer,
  GroupEvent,
  GroupInput,
  GroupMember,
  GroupOrder,
  GroupOutput,
} from "../groups/group-events.ts";
import { sameMember } from "../groups/group-events.ts";
import type { ProcessGroups } from "../groups/process-groups.ts";
import { StepLoop } from "../loop/step-loop.ts";
import type { RingNotice } from "../membership/ring-events.ts";
import { formatRing, type GroupName } from "../model/ids.ts";
import { accept, assertNever, invariant, type Result, refuse } from "../model/outcome.ts";
import type { RingThreadInput } from "../ring-thread/ring-port.ts";
import { lifeEnded, notInRing, refusalError, unknownTicket } from "./group-refusals.ts";

type Seat = {
  readonly client: number;
  readonly group: GroupName;
  readonly member: GroupMember;
  readonly stream: GroupStream;
};

export type GroupClientsParts = {
  readonly machine: ProcessGroups;
  readonly postToRing: (input: Exclude<RingThreadInput, { readonly type: "start" }>) => void;
  readonly say: (notice: RingNotice) => void;
};

const ticketBytes = 16;
export class GroupClients implements GroupBackend {
  readonly #parts: GroupClientsParts;
  readonly #machine: ProcessGroups;
  /** By ticket. */
  readonly #seats = new Map<string, Seat>();
  readonly #tickets = new Map<number, string>();
  readonly #calls = new Map<number, (answer: GroupAnswer | "life-ended") => void>();
  readonly #loop: StepLoop<GroupInput, GroupOutput>;
  #clients = 0;
  #callNumber = 0;

  constructor(parts: GroupClientsParts) {
    this.#parts = parts;
    this.#machine = parts.machine;
    this.#loop = new StepLoop({
      step: (input) => this.#machine.step(input),
      perform: (output) => this.#perform(output),
    });
  }

  /** Takes what the ring delivers, in the ring's order. */
  push(input: Extract<GroupInput, { readonly type: "deliver" | "configuration" | "exchanged" }>) {
    this.#loop.push(input);
  }

  listing(): GroupListing {
    const { groups, clients, counters } = this.#machine.snapshot();
    return { groups, clients, counters };
  }

  join(
    { group, process }: Parameters<GroupBackend["join"]>[0],
    stream: GroupStream,
  ): Result<string, ControlError> {
    if (this.#loop.ended) return refuse(notInRing);
    this.#clients += 1;
    const client = this.#clients;
    const connected = this.#call((call) => ({ type: "connect", client, call, process }));
    if (connected.type !== "connected") return refuse(refusalError(connected, group));
    const begun = this.#call((call) => ({ type: "join", client, call, group }));
    if (begun.type !== "begun") {
      this.#loop.push({ type: "disconnect", client });
      return refuse(refusalError(begun, group));
    }
    const ticket = randomBytes(ticketBytes).toString("hex");
    const { member } = connected;
    this.#seats.set(ticket, { client, group, member, stream });
    this.#tickets.set(client, ticket);
    stream.write(formatGroupLine({ type: "joining", group, member, ticket }));
    return accept(ticket);
  }

  leave(group: GroupName, ticket: string): Result<null, ControlError> {
    const seat = this.#seats.get(ticket);
    if (seat === undefined) return refuse(unknownTicket(group));
    const { client } = seat;
    const answer = this.#call((call) => ({ type: "leave", client, call, group }));
    return answer.type === "begun" ? accept(null) : refuse(refusalError(answer, group));
  }

  multicast(
    group: GroupName,
    ticket: string,
    payload: Uint8Array,
  ): Promise<Result<GroupPosition, ControlError>> {
    const seat = this.#seats.get(ticket);
    if (seat === undefined) return Promise.resolve(refuse(unknownTicket(group)));
    const { client } = seat;
    return new Promise((resolve) => {
      this.#callNumber += 1;
      const call = this.#callNumber;
      this.#calls.set(call, (answer) => {
        if (answer === "life-ended") resolve(refuse(lifeEnded));
        else if (answer.type === "ordered") resolve(accept(positionOf(answer.order)));
        else resolve(refuse(refusalError(answer, group)));
      });
      this.#loop.push({ type: "multicast", client, call, group, payload });
    });
  }

  disconnect(ticket: string): void {
    const seat = this.#seats.get(ticket);
    if (seat === undefined) return;
    this.#forget(ticket, seat);
    this.#loop.push({ type: "disconnect", client: seat.client });
  }

  /** CLIENT2. */
  end(): void {
    this.#loop.end();
    const text =
      "the node has ended its part in the ring: what is ordered from now on is missed; join again";
    for (const ticket of [...this.#seats.keys()]) this.#endStream(ticket, "life-ended", text);
    for (const settle of this.#calls.values()) settle("life-ended");
    this.#calls.clear();
  }

  /** Makes a call that is answered in its own step. */
  #call(input: (call: number) => GroupInput): GroupAnswer {
    invariant(!this.#loop.running, "CLIENT1: a client's call in the middle of a step");
    this.#callNumber += 1;
    const answers: GroupAnswer[] = [];
    this.#calls.set(this.#callNumber, (answer) => {
      if (answer !== "life-ended") answers.push(answer);
    });
    this.#loop.push(input(this.#callNumber));
    const [answer] = answers;
    invariant(answer !== undefined, "a call of a group client was not answered");
    return answer;
  }

  #perform(output: GroupOutput): void {
    switch (output.type) {
      case "submit":
        this.#parts.postToRing({ ...output, safe: true });
        return;
      case "sync-done":
        this.#parts.postToRing(output);
        return;
      case "answer": {
        const settle = this.#calls.get(output.call);
        this.#calls.delete(output.call);
        settle?.(output.answer);
        return;
      }
      case "event":
        this.#tell(output.clients, output.event);
        return;
      case "notice":
        this.#parts.say(output.notice);
        return;
      default:
        assertNever(output);
    }
  }

  /** Formats the line once for all clients that get it. */
  #tell(clients: readonly number[], event: GroupEvent): void {
    const line = event.type === "group-full" ? null : formatGroupLine(lineOf(event));
    for (const client of clients) {
      const ticket = this.#tickets.get(client) ?? "";
      const seat = this.#seats.get(ticket);
      if (seat === undefined) continue;
      if (line !== null) seat.stream.write(line);
      if (event.type === "group-full") {
        const text = `${event.group} has as many members as a group may have; join later`;
        this.#endStream(ticket, "group-full", text);
      } else if (event.type === "configuration" && includes(event.left, seat.member)) {
        this.#endStream(ticket, "left", "left as was asked for");
      }
    }
  }

  #endStream(ticket: string, reason: EndReason, text: string): void {
    const seat = this.#seats.get(ticket);
    if (seat === undefined) return;
    this.#forget(ticket, seat);
    seat.stream.end(formatGroupLine({ type: "ended", reason, text }));
    this.#loop.push({ type: "disconnect", client: seat.client });
  }

  #forget(ticket: string, { client }: Seat): void {
    this.#seats.delete(ticket);
    this.#tickets.delete(client);
  }
}

function includes(members: readonly GroupMember[], member: GroupMember): boolean {
  return members.some((one) => sameMember(one, member));
}

function positionOf({ ring, number }: GroupOrder): GroupPosition {
  return { ring: formatRing(ring), number };
}

function lineOf(event: Exclude<GroupEvent, { readonly type: "group-full" }>): GroupLine {
  const position = positionOf(event.order);
  switch (event.type) {
    case "configuration": {
      const { members, reason } = event;
      const left = event.left.map((member) => ({ ...member, reason }));
      const joined = event.joined.map((member) => ({ ...member, reason }));
      return { type: "configuration", ...position, members, left, joined };
    }
    case "message": {
      const { buffer, byteOffset, byteLength } = event.payload;
      const payload = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
      return { type: "message", ...position, from: event.from, payload };
    }
    case "ring":
      return { type: "ring", ...position, nodes: event.nodes };
    default:
      return assertNever(event);
  }
}
