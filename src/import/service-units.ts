/**
 * Which resources of Pacemaker form one service, and in which order: groups, and what is bound by
 * colocation, with the order that constraints demand. What else constraints say becomes a
 * dependency between services, or a remark.
 * Source: Pacemaker Explained 2.1, "Resource Constraints".
 * Deviation: what must be on one node is one service, so it also fails and moves as one.
 * Tested in: test/import/service-units.test.ts
 */

import { primitivesOf } from "./fence-primitives.ts";
import {
  type Clone,
  type ClusterResource,
  type Colocation,
  type Group,
  infinity,
  type Ordering,
  type PacemakerConf,
  type Primitive,
} from "./pacemaker-conf.ts";
import type { Place, Remark } from "./remark.ts";

export type ServiceUnit = {
  /** The id of its group, or of its first resource. */
  readonly name: string;
  readonly parts: readonly (Primitive | Group)[];
  /** In the order of their starts. */
  readonly members: readonly Primitive[];
  /** Why it cannot do its work: something that it needs is left out; null: nothing is. */
  readonly lacks: Remark | null;
  readonly at: Place;
};

/** `from` needs `on`; if both are clones, on the same node. A unit never depends on a clone. */
export type ServiceDependency = {
  readonly from: ServiceUnit | Clone;
  readonly on: ServiceUnit | Clone;
  readonly at: Place;
};

export type ServiceUnits = {
  readonly units: readonly ServiceUnit[];
  readonly clones: readonly Clone[];
  readonly dependencies: readonly ServiceDependency[];
  readonly remarks: readonly Remark[];
};

export function unitsOf(conf: PacemakerConf): ServiceUnits {
  const finder = new UnitFinder(conf);
  return finder.find();
}

type Part = Primitive | Group;

class UnitFinder {
  readonly #conf: PacemakerConf;
  readonly #parts: readonly Part[];
  /** By the id of the part and of each primitive in it. */
  readonly #tops = new Map<string, ClusterResource>();
  readonly #remarks: Remark[] = [];
  readonly #cloneOrders: { earlier: ClusterResource; later: Clone; at: Place }[] = [];
  /** Parts that need something that is left out. */
  readonly #lacks = new Map<ClusterResource, Remark>();

  constructor(conf: PacemakerConf) {
    this.#conf = conf;
    this.#parts = conf.resources.flatMap((one) => (one.type === "clone" ? [] : [one]));
    for (const top of conf.resources) {
      const inner = top.type === "clone" ? [top.body.id] : [];
      const all = [...primitivesOf(top).map(({ id }) => id), ...inner, top.id];
      for (const id of all) this.#tops.set(id, top);
    }
  }

  find(): ServiceUnits {
    const bound = this.#conf.colocations.flatMap((one) => this.#boundPair(one));
    const orders = this.#conf.orderings.flatMap((one) => this.#orderedPair(one));
    const clusters = connected(this.#parts, bound);
    const units = clusters.map((parts) => this.#unit(parts, { bound, orders }));
    const unitOf = new Map(
      units.flatMap((unit) => unit.parts.map((part) => [part, unit] as const)),
    );
    const ofUnits = orders.flatMap(({ earlier, later, at }) => {
      const [on, from] = [unitOf.get(earlier), unitOf.get(later)];
      return on === undefined || from === undefined || on === from ? [] : [{ from, on, at }];
    });
    const ofClones = this.#cloneOrders.flatMap(({ earlier, later, at }) => {
      const on = earlier.type === "clone" ? earlier : unitOf.get(earlier);
      return on === undefined ? [] : [{ from: later, on, at }];
    });
    const dependencies = [...ofUnits, ...ofClones];
    const clones = this.#conf.resources.flatMap((one) => (one.type === "clone" ? [one] : []));
    return { units, clones, dependencies, remarks: this.#remarks };
  }

  /** The pair if both must be on one node; else a remark says what is lost. */
  #boundPair(colocation: Colocation): readonly Pair[] {
    const { id, at, score, role } = colocation;
    const later = this.#part(colocation.resource, { what: "colocation", id, at });
    const earlier = this.#part(colocation.with, { what: "colocation", id, at });
    if (score >= infinity) this.#noteLack(later, { earlier, id: colocation.with, at });
    if (earlier === null || later === null) return [];
    const what = `colocation ${id} (${colocation.resource} with ${colocation.with})`;
    const lost = (why: string) => {
      this.#remarks.push({ at, text: `${what} is not carried over: ${why}` });
      return [];
    };
    if (role !== null) return lost(`clusterd has no role ${role}`);
    if (earlier.type === "clone" || later.type === "clone") {
      if (earlier.type === "clone" && earlier.promotable) return lost("roles are not carried over");
      // Both run on each node.
      if (earlier.type === later.type && score >= infinity) return [];
      return lost("a clone becomes a service on each node");
    }
    if (score <= -infinity) {
      return lost("services are kept apart by restricted failover domains only");
    }
    if (score < infinity) return lost(`the score ${score} is a preference, which clusterd has not`);
    return earlier === later ? [] : [{ earlier, later, at }];
  }

  #orderedPair(ordering: Ordering): readonly Pair[] {
    const { id, at, mandatory, action } = ordering;
    const earlier = this.#part(ordering.earlier, { what: "order", id, at });
    const later = this.#part(ordering.later, { what: "order", id, at });
    if (mandatory && action !== "stop")
      this.#noteLack(later, { earlier, id: ordering.earlier, at });
    if (earlier === null || later === null || earlier === later) return [];
    const what = `order ${id} (${ordering.earlier} then ${ordering.later})`;
    const lost = (why: string) => {
      this.#remarks.push({ at, text: `${what} is not carried over: ${why}` });
      return [];
    };
    if (action === "stop" && this.#isMirrored(ordering)) return [];
    if (action !== null) return lost(`it is about the action ${action}`);
    if (!mandatory) return lost("it is optional; depend= of a service is not");
    const isPromotable = earlier.type === "clone" && earlier.promotable;
    if (isPromotable) return lost("roles are not carried over");
    if (later.type === "clone") {
      this.#cloneOrders.push({ earlier, later, at });
      return [];
    }
    if (earlier.type === "clone") return lost("a clone becomes a service on each node");
    return [{ earlier, later, at }];
  }

  /** The stop order that belongs to a start order goes without saying. */
  #isMirrored({ earlier, later }: Ordering): boolean {
    return this.#conf.orderings.some((one) => {
      return one.action === null && one.earlier === later && one.later === earlier;
    });
  }

  /** `later` needs `earlier`, which may be left out. */
  #noteLack(
    later: ClusterResource | null,
    needed: { readonly earlier: ClusterResource | null; readonly id: string; readonly at: Place },
  ): void {
    const { earlier, id, at } = needed;
    const isPromotable = earlier?.type === "clone" && earlier.promotable;
    const isLost = isPromotable || this.#conf.leftOut.includes(id);
    if (later === null || later.type === "clone" || !isLost) return;
    const text = `${later.id} needs ${id}, which is left out: its service does not start by itself`;
    if (!this.#lacks.has(later)) this.#lacks.set(later, { at, text });
  }

  /** Null after a remark. */
  #part(
    id: string,
    constraint: { readonly what: string; readonly id: string; readonly at: Place },
  ): ClusterResource | null {
    const found = this.#tops.get(id);
    if (found !== undefined) return found;
    const fence = this.#conf.fenceDevices.some((one) => one.id === id);
    const isLost = this.#conf.leftOut.includes(id);
    const missing = isLost ? "is left out" : "does not exist";
    const why = fence ? "is a fence device, which any node may use" : missing;
    const text = `${constraint.what} ${constraint.id} is not carried over: ${id} ${why}`;
    this.#remarks.push({ at: constraint.at, text });
    return null;
  }

  #unit(
    parts: readonly Part[],
    pairs: { readonly bound: readonly Pair[]; readonly orders: readonly Pair[] },
  ): ServiceUnit {
    const inside = new Set(parts);
    const isInside = ({ earlier, later }: Pair) => inside.has(earlier) && inside.has(later);
    const orders = parts.length === 1 ? [] : pairs.orders.filter(isInside);
    const bound = parts.length === 1 ? [] : pairs.bound.filter(isInside);
    const followers = followersIn(orders);
    const loose = bound.filter(({ earlier, later }) => {
      return !reaches(earlier, later, followers) && !reaches(later, earlier, followers);
    });
    for (const { earlier, later, at } of loose) {
      const text =
        `${later.id} must be on the node of ${earlier.id}: both are in one service, which starts ` +
        `${earlier.id} first`;
      this.#remarks.push({ at, text });
    }
    const sorted = sortParts(parts, [...orders, ...loose]);
    if (sorted === null) {
      const at = orders[0]?.at ?? this.#conf.at;
      const names = parts.map(({ id }) => id).join(", ");
      this.#remarks.push({
        at,
        text: `the orders of ${names} form a circle: none is carried over`,
      });
    }
    const ordered = sorted ?? parts;
    const groups = ordered.filter(({ type }) => type === "group");
    const named = groups.length === 1 ? groups[0] : ordered[0];
    return {
      name: named?.id ?? "",
      parts: ordered,
      members: ordered.flatMap(primitivesOf),
      lacks: ordered.flatMap((one) => this.#lacks.get(one) ?? [])[0] ?? null,
      at: named?.at ?? this.#conf.at,
    };
  }
}

type Pair = { readonly earlier: Part; readonly later: Part; readonly at: Place };

/** The parts in sets of those that pairs connect, in the order of the file. */
function connected(parts: readonly Part[], pairs: readonly Pair[]): readonly (readonly Part[])[] {
  const neighbours = new Map<Part, Part[]>();
  for (const { earlier, later } of pairs) {
    for (const [one, other] of [[earlier, later] as const, [later, earlier] as const]) {
      const known = neighbours.get(one);
      if (known === undefined) neighbours.set(one, [other]);
      else known.push(other);
    }
  }
  const seen = new Set<Part>();
  return parts.flatMap((part) => {
    if (seen.has(part)) return [];
    const cluster = new Set([part]);
    for (const one of cluster) for (const other of neighbours.get(one) ?? []) cluster.add(other);
    for (const one of cluster) seen.add(one);
    return [parts.filter((one) => cluster.has(one))];
  });
}

type Followers = ReadonlyMap<Part, readonly Part[]>;

function followersIn(orders: readonly Pair[]): Followers {
  const followers = new Map<Part, Part[]>();
  for (const { earlier, later } of orders) {
    const known = followers.get(earlier);
    if (known === undefined) followers.set(earlier, [later]);
    else known.push(later);
  }
  return followers;
}

/** Whether orders alone already say which of the two is first, also through others. */
function reaches(from: Part, to: Part, followers: Followers): boolean {
  const found = new Set([from]);
  for (const one of found) for (const later of followers.get(one) ?? []) found.add(later);
  return found.has(to);
}

/** As far as possible in the order of the file; null: there is a circle. */
function sortParts(parts: readonly Part[], pairs: readonly Pair[]): readonly Part[] | null {
  const followers = followersIn(pairs);
  const waits = new Map(parts.map((part) => [part, 0]));
  for (const { later } of pairs) waits.set(later, (waits.get(later) ?? 0) + 1);
  const sorted: Part[] = [];
  const left = new Set(parts);
  while (left.size > 0) {
    const next = [...left].find((part) => waits.get(part) === 0);
    if (next === undefined) return null;
    sorted.push(next);
    left.delete(next);
    for (const later of followers.get(next) ?? []) waits.set(later, (waits.get(later) ?? 0) - 1);
  }
  return sorted;
}
