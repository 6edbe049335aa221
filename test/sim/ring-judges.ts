/**
 * Judges of a run: they know what each node saw and what was sent, and nothing of the machine.
 * Source: Moser et al. 1994, the specifications of extended virtual synchrony.
 */
import type { Life, RingHistory, Sent, TraceEvent } from "./ring-trace.ts";

type Delivered = Extract<TraceEvent, { readonly type: "deliver" }>;

/** What one life delivered between two regular configurations. */
type Stay = {
  readonly life: Life;
  readonly ring: string;
  readonly ringSeq: number;
  readonly members: readonly number[];
  readonly regular: Delivered[];
  /** Null while no transitional configuration has ended the ring. */
  trans: readonly number[] | null;
  readonly transitional: Delivered[];
  next: { readonly ring: string; readonly members: readonly number[] } | null;
};

/** Every breach of the promises, in words. */
export function judge(history: RingHistory): readonly string[] {
  const breaches: string[] = [...history.observed];
  const stays: Stay[] = [];
  for (const life of history.lives) stays.push(...staysOf(life, breaches));
  judgeOrder(stays, breaches);
  judgeIntegrity(history, stays, breaches);
  judgeRings(history, stays, breaches);
  judgeSynchrony(stays, breaches);
  judgeSelfDelivery(history, breaches);
  judgeTransitions(history.sent, stays, breaches);
  judgeCausality(history, stays, breaches);
  judgeSafety(history.sent, stays, breaches);
  return breaches;
}

/** Cuts the trace of a life at its regular configurations. */
function staysOf(life: Life, breaches: string[]): readonly Stay[] {
  const stays: Stay[] = [];
  for (const event of life.events) {
    const stay = stays.at(-1);
    if (event.type === "deliver") {
      if (stay === undefined || stay.ring !== event.ring) {
        breaches.push(`I2: ${nameOf(life)} delivers ${event.id} of ${event.ring} outside it`);
      } else if (stay.trans === null) stay.regular.push(event);
      else stay.transitional.push(event);
    } else if (event.type === "configuration") {
      const { kind, ring, members } = event.configuration;
      const name = `${ring.rep}.${ring.seq}`;
      const key = `${ring.rep}.${ring.seq.toString(16)}`;
      if (kind === "regular") {
        if (stay !== undefined) stay.next = { ring: key, members };
        stays.push(emptyStay({ life, ring: key, ringSeq: ring.seq, members }));
      } else if (stay === undefined || stay.ring !== key || stay.trans !== null) {
        breaches.push(`I6: ${nameOf(life)} ends ring ${name} that it is not in`);
      } else stay.trans = members;
    }
  }
  return stays;
}

function emptyStay(entry: Pick<Stay, "life" | "ring" | "ringSeq" | "members">): Stay {
  return { ...entry, regular: [], trans: null, transitional: [], next: null };
}

function nameOf(life: Life): string {
  return `node ${life.node} life ${life.number}`;
}

function deliveredIn(stay: Stay): readonly Delivered[] {
  return [...stay.regular, ...stay.transitional];
}

/** I1: one order per ring; a place in the order holds the same messages for everybody. */
function judgeOrder(stays: readonly Stay[], breaches: string[]): void {
  const places = new Map<string, string>();
  for (const stay of stays) {
    let last = 0;
    const here = new Map<number, string[]>();
    for (const { seq, id } of deliveredIn(stay)) {
      if (seq < last) breaches.push(`I1: ${nameOf(stay.life)} goes back to ${seq} in ${stay.ring}`);
      last = seq;
      here.set(seq, [...(here.get(seq) ?? []), id]);
    }
    for (const [seq, ids] of here) {
      const place = `${stay.ring}/${seq}`;
      const known = places.get(place) ?? ids.join(" ");
      if (known !== ids.join(" "))
        breaches.push(`I1: ${place} holds ${known} and ${ids.join(" ")}`);
      places.set(place, known);
    }
  }
}

/** I2: nothing twice, nothing that its originator did not send. */
function judgeIntegrity(history: RingHistory, stays: readonly Stay[], breaches: string[]): void {
  const seen = new Map<Life, Set<string>>();
  for (const stay of stays) {
    const ids = seen.get(stay.life) ?? new Set<string>();
    seen.set(stay.life, ids);
    for (const { id, from } of deliveredIn(stay)) {
      if (ids.has(id)) breaches.push(`I2: ${nameOf(stay.life)} delivers ${id} twice`);
      ids.add(id);
      if (history.sent.get(id)?.node !== from) breaches.push(`I2: ${id} is not from ${from}`);
    }
  }
}

/**
 * I3: a ring has one membership, and a node's rings only go forward, also across restarts; only a
 * life that lost its state may begin with a lower one, but not with one that was used.
 */
function judgeRings(history: RingHistory, stays: readonly Stay[], breaches: string[]): void {
  const members = new Map<string, string>();
  const used = new Set<string>();
  for (const stay of stays) {
    const text = stay.members.join(" ");
    const known = members.get(stay.ring) ?? text;
    if (known !== text) breaches.push(`I3: ring ${stay.ring} is {${known}} and {${text}}`);
    members.set(stay.ring, known);
    const mine = `node ${stay.life.node} ring ${stay.ring}`;
    if (used.has(mine)) breaches.push(`I3: ${nameOf(stay.life)} installs ${stay.ring} again`);
    used.add(mine);
  }
  const last = new Map<number, number>();
  for (const life of history.lives) {
    if (life.wiped) last.delete(life.node);
    for (const { ring, ringSeq } of stays.filter((stay) => stay.life === life)) {
      if (ringSeq <= (last.get(life.node) ?? 0)) {
        breaches.push(`I3: ${nameOf(life)} goes back to ring ${ring}`);
      }
      last.set(life.node, ringSeq);
    }
  }
}

/** I4: who goes through the same configurations delivers the same, in the same part. */
function judgeSynchrony(stays: readonly Stay[], breaches: string[]): void {
  const groups = new Map<string, { readonly text: string; readonly who: string }>();
  for (const stay of stays) {
    if (stay.trans === null || stay.next === null) continue;
    const key = `${stay.ring} -> {${stay.trans.join(" ")}} -> ${stay.next.ring}`;
    const ids = (events: readonly Delivered[]): string => events.map((event) => event.id).join(" ");
    const text = `${ids(stay.regular)} | ${ids(stay.transitional)}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { text, who: nameOf(stay.life) });
    else if (known.text !== text) {
      breaches.push(`I4: ${key}: ${known.who} and ${nameOf(stay.life)} differ`);
    }
  }
}

/** I5: own messages come back in the order they were sent, lane by lane; all, when one lives. */
function judgeSelfDelivery(history: RingHistory, breaches: string[]): void {
  for (const life of history.lives) {
    for (const lane of ["app", "sync"] as const) {
      const submitted: string[] = [];
      const delivered: string[] = [];
      for (const event of life.events) {
        const list = event.type === "submit" ? submitted : delivered;
        if (event.type !== "submit" && event.type !== "deliver") continue;
        const sent = history.sent.get(event.id);
        if (sent?.lane === lane && sent.life === life.number) list.push(event.id);
      }
      const expected = life.end === null ? submitted : submitted.slice(0, delivered.length);
      if (expected.join(" ") !== delivered.join(" ")) {
        const found = `${delivered.length} of ${submitted.length}`;
        breaches.push(`I5: ${nameOf(life)} delivers ${found} of its own ${lane} messages`);
      }
    }
  }
}

/**
 * I6: the transitional members are in both neighbours. After the transitional configuration a
 * message behind a gap is from one of them, or from somebody whose messages one of them
 * acknowledged in an abandoned attempt. There is a gap when anybody delivered something before it
 * in that ring that was not delivered here.
 */
function judgeTransitions(
  sent: ReadonlyMap<string, Sent>,
  stays: readonly Stay[],
  breaches: string[],
): void {
  const byRing = new Map<string, Map<string, number>>();
  for (const stay of stays) {
    const known = byRing.get(stay.ring) ?? new Map<string, number>();
    byRing.set(stay.ring, known);
    for (const { id, seq } of deliveredIn(stay)) known.set(id, seq);
  }
  for (const stay of stays) {
    const { trans, members, next } = stay;
    if (trans === null) continue;
    const beyond = trans.filter((node) => !members.includes(node));
    const lost = next === null ? [] : trans.filter((node) => !next.members.includes(node));
    if (beyond.length + lost.length > 0) breaches.push(`I6: transitional of ${stay.ring} strays`);
    const here = new Set(deliveredIn(stay).map((event) => event.id));
    const admitted = new Set([...trans, ...obligationsOf(stays, stay.ring, trans)]);
    for (const { id, seq, from } of stay.transitional) {
      if (admitted.has(from) || !sent.has(id)) continue;
      for (const [other, at] of byRing.get(stay.ring) ?? []) {
        if (at >= seq || here.has(other)) continue;
        breaches.push(`I6: ${nameOf(stay.life)} delivers ${id} of ${from} behind missing ${other}`);
      }
    }
  }
}

function obligationsOf(
  stays: readonly Stay[],
  ring: string,
  trans: readonly number[],
): readonly number[] {
  const companions = stays.filter((stay) => stay.ring === ring && trans.includes(stay.life.node));
  return companions.flatMap((stay) => {
    return stay.life.events.flatMap((event) => {
      return event.type === "obliged" && event.ring === ring ? event.nodes : [];
    });
  });
}

/** How many messages before a submission are checked as its causes. */
const causesMax = 6;

/** I7: who delivers a message has delivered, before it, what its sender had delivered. */
function judgeCausality(history: RingHistory, stays: readonly Stay[], breaches: string[]): void {
  const causes = new Map<string, readonly Delivered[]>();
  for (const life of history.lives) {
    const delivered: Delivered[] = [];
    for (const event of life.events) {
      if (event.type === "deliver") delivered.push(event);
      if (event.type === "submit") causes.set(event.id, delivered.slice(-causesMax));
    }
  }
  for (const stay of stays) {
    const before = new Set<string>();
    for (const { id, ring } of deliveredIn(stay)) {
      for (const cause of causes.get(id) ?? []) {
        if (cause.ring !== ring || before.has(cause.id)) continue;
        breaches.push(`I7: ${nameOf(stay.life)} delivers ${id} without its cause ${cause.id}`);
      }
      before.add(id);
    }
  }
}

/**
 * I8: a safe message that one delivers is delivered by every member of that configuration, unless
 * the member's life ended: all members of the ring, or all of the transitional configuration.
 */
function judgeSafety(
  sent: ReadonlyMap<string, Sent>,
  stays: readonly Stay[],
  breaches: string[],
): void {
  const byRing = new Map<string, Stay[]>();
  for (const stay of stays) byRing.set(stay.ring, [...(byRing.get(stay.ring) ?? []), stay]);
  const isSafe = (event: Delivered): boolean => sent.get(event.id)?.safe === true;
  for (const group of byRing.values()) {
    for (const stay of group) {
      breaches.push(...judgeReach(stay.regular.filter(isSafe), stay.members, group));
      breaches.push(...judgeReach(stay.transitional.filter(isSafe), stay.trans ?? [], group));
    }
  }
}

function judgeReach(
  messages: readonly Delivered[],
  members: readonly number[],
  group: readonly Stay[],
): readonly string[] {
  const breaches: string[] = [];
  if (messages.length === 0) return breaches;
  for (const member of members) {
    const theirs = group.filter((stay) => stay.life.node === member);
    if (theirs.length === 0) {
      breaches.push(`I8: safe ${messages[0]?.id} where node ${member} never installed the ring`);
    }
    for (const stay of theirs) {
      if (stay.life.end !== null) continue;
      const here = new Set(deliveredIn(stay).map((event) => event.id));
      for (const { id } of messages) {
        if (!here.has(id)) breaches.push(`I8: safe ${id} never reached ${nameOf(stay.life)}`);
      }
    }
  }
  return breaches;
}

/**
 * I14: stability: from an instant on a life changes its configuration a bounded number of times,
 * and from a later instant on neither ends nor begins one.
 */
export function judgeStability(
  lives: readonly Life[],
  bounds: { readonly fromMs: number; readonly restFromMs: number; readonly changesMax: number },
): readonly string[] {
  const breaches: string[] = [];
  for (const life of lives) {
    const late = life.events.filter(({ at }) => at > bounds.fromMs);
    const changes = late.filter((event) => isRegular(event));
    if (changes.length > bounds.changesMax) {
      const span = `after ${Math.round(bounds.fromMs)}`;
      breaches.push(`I14: ${nameOf(life)} changes ${changes.length} times ${span}`);
    }
    const restless = late.find(({ at, type }) => at > bounds.restFromMs && type === "suspended");
    if (restless !== undefined) breaches.push(`I14: ${nameOf(life)} suspends at ${restless.at}`);
  }
  return breaches;
}

/** I14: from an instant on no other node has a ring with a node that gets no long messages. */
export function judgeOutside(
  lives: readonly Life[],
  who: { readonly fromMs: number; readonly outside: number },
): readonly string[] {
  const others = lives.filter(({ node }) => node !== who.outside);
  return others.flatMap((life) => {
    const rings = life.events.filter((event) => {
      if (event.at < who.fromMs || event.type !== "configuration") return false;
      return event.configuration.members.some((member) => member === who.outside);
    });
    return rings.length === 0 ? [] : [`I14: ${nameOf(life)} lets node ${who.outside} in`];
  });
}

function isRegular(event: TraceEvent): boolean {
  return event.type === "configuration" && event.configuration.kind === "regular";
}

/**
 * I13: no storm: in one consensus period without an installation a node enters gather a bounded
 * number of times, once more for each node that was started meanwhile, and it sends a bounded
 * number of joins per second.
 */
export function judgeStorms(
  lives: readonly Life[],
  bounds: { readonly periodMs: number; readonly gathersMax: number; readonly joinsMax: number },
): readonly string[] {
  const breaches: string[] = [];
  const starts = lives.flatMap(({ events }) => events[0]?.at ?? []);
  for (const life of lives) {
    let gathers: number[] = [];
    let joins: number[] = [];
    for (const { type, at } of life.events) {
      if (type === "configuration") gathers = [];
      if (type === "gather") gathers = [...gathers.filter((was) => was > at - bounds.periodMs), at];
      if (type === "join-sent") joins = [...joins.filter((was) => was > at - 1000), at];
      const began = starts.filter((start) => start > at - bounds.periodMs && start <= at).length;
      if (gathers.length > bounds.gathersMax + began) {
        breaches.push(`I13: ${nameOf(life)} entered gather ${gathers.length} times by ${at}`);
        gathers = [];
      }
      if (joins.length > bounds.joinsMax) {
        breaches.push(`I13: ${nameOf(life)} sent ${joins.length} joins in a second by ${at}`);
        joins = [];
      }
    }
  }
  return breaches;
}
