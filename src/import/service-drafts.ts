/**
 * The services of Pacemaker → `<failoverdomains>`, `<resources>` and `<service>`. A clone becomes a
 * service on each node, as the qpid guide has it; a promotable clone is left out.
 * Source: Pacemaker Explained 2.1; rgmanager(8).
 * Tested in: test/import/import-golden.test.ts
 */
import { parseAddress } from "../model/numeric-address.ts";
import { type ConfElement, confAttribute, confElement } from "./conf-element.ts";
import { primitivesOf } from "./fence-primitives.ts";
import { addScores, type DomainPlan, domainElement, planDomain } from "./node-preferences.ts";
import {
  type Clone,
  isFalse,
  isTrue,
  type PacemakerConf,
  type Primitive,
  parseScore,
} from "./pacemaker-conf.ts";
import type { Place, Remark, Setting, Settings } from "./remark.ts";
import { chainOf } from "./resource-chain.ts";
import { referenceTo, resourceElement } from "./resource-element.ts";
import { recoveryOf } from "./service-recovery.ts";
import type { ServiceDependency, ServiceUnit, ServiceUnits } from "./service-units.ts";

/** `service:` and the name have at most 63 bytes. */
const nameBytesMax = 55;

type Part = { readonly id: string; readonly meta: Settings; readonly at: Place };

export class ServiceDrafts {
  readonly #conf: PacemakerConf;
  readonly #nodes: readonly string[];
  readonly #remarks: Remark[] = [];
  readonly #names = new Set<string>();
  readonly #nameOf = new Map<ServiceUnit | Clone, string>();
  /** By node. */
  readonly #namesOf = new Map<ServiceUnit | Clone, ReadonlyMap<string, string>>();
  /** By type and file or unit: what a second service may refer to. */
  readonly #shared = new Map<string, ConfElement>();
  readonly #domainKeys = new Map<string, string>();
  readonly #scores = new Map<string, Map<string, number>>();
  readonly domains: ConfElement[] = [];
  readonly definitions: ConfElement[] = [];
  readonly services: ConfElement[] = [];

  constructor(conf: PacemakerConf, nodes: readonly string[]) {
    this.#conf = conf;
    this.#nodes = nodes;
    for (const { resource, node, score, id, at } of conf.preferences) {
      if (!nodes.includes(node)) {
        this.#remarks.push({ at, text: `location ${id}: ${node} is no node: it is left out` });
        continue;
      }
      const scores = this.#scores.get(resource) ?? new Map<string, number>();
      this.#scores.set(resource, scores.set(node, addScores(scores.get(node) ?? 0, score)));
    }
  }

  /** What is lost as a whole. */
  remarks(): readonly Remark[] {
    return this.#remarks;
  }

  add({ units, clones, dependencies }: ServiceUnits): void {
    // A service may depend on one that comes later.
    for (const unit of units) this.#nameOf.set(unit, this.#freeName(unit.name));
    const named = clones.filter(({ promotable }) => !promotable);
    for (const clone of named) {
      const names = this.#nodes.map((node) => {
        return [node, this.#freeName(`${shortName(node)}-${clone.body.id}`)] as const;
      });
      this.#namesOf.set(clone, new Map(names));
    }
    const of = (service: ServiceUnit | Clone) =>
      dependencies.filter(({ from }) => from === service);
    for (const unit of units) this.#addUnit(unit, of(unit));
    for (const clone of clones) this.#addClone(clone, of(clone));
  }

  #addUnit(unit: ServiceUnit, dependencies: readonly ServiceDependency[]): void {
    const remarks: Remark[] = [];
    const name = this.#nameOf.get(unit) ?? unit.name;
    const { references, isWhole } = this.#defineAll(unit.members, ({ id }) => id, remarks);
    if (references.length === 0) {
      this.#remarks.push(...remarks);
      return;
    }
    if (unit.lacks !== null) remarks.push(unit.lacks);
    const parts = partsOf(unit);
    const plan = this.#plan(parts);
    const domain = this.#domain(name, plan, unit.at);
    if (plan.type === "no-node") {
      remarks.push({
        at: unit.at,
        text: `${name}: no node may run it, so it does not start by itself`,
      });
    }
    const attributes = [
      confAttribute("name", name, unit.at),
      ...(domain === null ? [] : [confAttribute("domain", domain, unit.at)]),
      ...this.#options(parts, {
        canRun: isWhole && plan.type !== "no-node" && unit.lacks === null,
        remarks,
      }),
      ...this.#dependency(name, { dependencies, node: null }, remarks),
    ];
    const children = chainOf("service", references);
    this.services.push(confElement("service", unit.at, { attributes, children, remarks }));
  }

  /** A service depends on one other at most. */
  #dependency(
    name: string,
    on: { readonly dependencies: readonly ServiceDependency[]; readonly node: string | null },
    remarks: Remark[],
  ) {
    const names = on.dependencies.flatMap((one) => {
      const found = this.#nameOf.get(one.on) ?? this.#namesOf.get(one.on)?.get(on.node ?? "");
      return found === undefined ? [] : [{ value: found, at: one.at }];
    });
    const [first, ...others] = names;
    for (const { value, at } of others) {
      const text = `${name}: a service depends on one other only; ${value} is left out`;
      remarks.push({ at, text });
    }
    return first === undefined ? [] : [confAttribute("depend", `service:${first.value}`, first.at)];
  }

  #addClone(clone: Clone, dependencies: readonly ServiceDependency[]): void {
    const { id, at, meta, promotable, body } = clone;
    const members = primitivesOf(body);
    if (promotable) {
      const names = members.map(
        (one) => `${one.id} (${one.provider ?? one.standard}:${one.agent})`,
      );
      const text =
        `${id} is left out: clusterd has no roles yet, so it cannot promote ${names.join(", ")}; ` +
        "a broker of Qpid has <qpidd> and <qpidd-primary>";
      this.#remarks.push({ at, text });
      return;
    }
    if (isTrue(meta.get("globally-unique"))) {
      const text = `${id} is left out: clusterd has no clones with globally-unique=true`;
      this.#remarks.push({ at, text });
      return;
    }
    this.#remarks.push({ at, text: `clone ${id}: a service on each node does its work` });
    const max = meta.get("clone-max");
    if (max !== undefined && Number(max.value) < this.#nodes.length) {
      const text = `${id}: clone-max=${max.value} is not carried over: take services away`;
      this.#remarks.push({ at: max.at, text });
    }
    const parts: readonly Part[] = [clone, body, ...members];
    const plan = this.#plan(parts);
    const allowed =
      plan.type === "no-node"
        ? []
        : plan.type === "domain" && plan.restricted
          ? plan.ranks.flat()
          : this.#nodes;
    for (const node of allowed) {
      const remarks: Remark[] = [];
      const short = shortName(node);
      const name = this.#namesOf.get(clone)?.get(node) ?? short;
      // A script and a unit may be used on each node; an OCF resource is written for each.
      const nameOf = (one: Primitive) => (one.standard === "ocf" ? `${one.id}-${short}` : one.id);
      const { references, isWhole } = this.#defineAll(members, nameOf, remarks);
      if (references.length === 0) {
        this.#remarks.push(...remarks);
        return;
      }
      const only: DomainPlan = {
        type: "domain",
        restricted: true,
        nofailback: false,
        ranks: [[node]],
      };
      const attributes = [
        confAttribute("name", name, at),
        confAttribute("domain", this.#domain(name, only, at) ?? "", at),
        ...this.#options(parts, { canRun: isWhole, remarks }),
        ...this.#dependency(name, { dependencies, node }, remarks),
      ];
      const kept = node === allowed[0] ? remarks : [];
      const children = chainOf("service", references);
      this.services.push(confElement("service", at, { attributes, children, remarks: kept }));
    }
  }

  /** References to their definitions; not whole if something that matters is left out. */
  #defineAll(
    members: readonly Primitive[],
    nameOf: (one: Primitive) => string,
    remarks: Remark[],
  ): { readonly references: readonly ConfElement[]; readonly isWhole: boolean } {
    let isWhole = true;
    const references = members.flatMap((primitive, index) => {
      const name = nameOf(primitive);
      const { element, remark, idle } = resourceElement(
        primitive,
        name,
        this.#conf.operationDefaults,
      );
      if (remark !== undefined) remarks.push(remark);
      if (element === null && idle === undefined) isWhole = false;
      if (element === null) return [];
      const isDispensable = isFalse(primitive.meta.get("critical"));
      const isLast = index === members.length - 1;
      if (isDispensable && !isLast) {
        const text = `${primitive.id}: critical=false is lost: what follows depends on it`;
        remarks.push({ at: primitive.at, text });
      }
      return [this.#reference(element, { critical: !isDispensable || !isLast })];
    });
    if (!isWhole && references.length > 0) {
      const text = "without what is left out of it, the service does not start by itself";
      remarks.push({ at: members[0]?.at ?? this.#conf.at, text });
    }
    return { references, isWhole };
  }

  #reference(element: ConfElement, options: { readonly critical: boolean }): ConfElement {
    const key = element.attributes.find((one) => one.name === "file" || one.name === "unit")?.value;
    const shared = key === undefined ? undefined : this.#shared.get(`${element.name} ${key}`);
    if (shared !== undefined) return referenceTo(shared, options);
    if (key !== undefined) this.#shared.set(`${element.name} ${key}`, element);
    this.definitions.push(element);
    return referenceTo(element, options);
  }

  #plan(parts: readonly Part[]): DomainPlan {
    const scores = new Map<string, number>();
    for (const { id } of parts) {
      for (const [node, score] of this.#scores.get(id) ?? []) {
        scores.set(node, addScores(scores.get(node) ?? 0, score));
      }
    }
    const { properties, resourceDefaults } = this.#conf;
    const general =
      resourceDefaults.get("resource-stickiness") ?? properties.get("default-resource-stickiness");
    const stickinesses = parts.map(({ meta }) =>
      scoreOf(meta.get("resource-stickiness") ?? general),
    );
    const stickiness = stickinesses.reduce((a, b) => Math.min(1_000_000, a + b), 0);
    const optOut = !isFalse(properties.get("symmetric-cluster"));
    return planDomain({ scores, nodes: this.#nodes, optOut, stickiness });
  }

  /** The name of the domain; one of a single node is shared, as the qpid guide has it. */
  #domain(service: string, plan: DomainPlan, at: Place): string | null {
    if (plan.type !== "domain") return null;
    const [first = [], ...further] = plan.ranks;
    const [node = ""] = first;
    const isSingle = plan.restricted && further.length === 0 && first.length === 1;
    const key = JSON.stringify(plan);
    const known = this.#domainKeys.get(key);
    if (known !== undefined) return known;
    const name = `${isSingle ? shortName(node) : service}-domain`;
    const taken = [...this.#domainKeys.values()].includes(name);
    const free = taken ? `${service}-domain-${this.domains.length}` : name;
    this.#domainKeys.set(key, free);
    this.domains.push(domainElement(free, plan, at));
    return free;
  }

  #options(
    parts: readonly Part[],
    given: { readonly canRun: boolean; readonly remarks: Remark[] },
  ) {
    const { resourceDefaults } = this.#conf;
    const metaOf = (name: string) => parts.flatMap(({ meta }) => meta.get(name) ?? []);
    const stopped = metaOf("target-role").find(({ value }) => value === "Stopped");
    const off = given.canRun ? stopped : (stopped ?? parts[0]);
    const unmanaged =
      metaOf("is-managed").find((one) => isFalse(one)) ??
      metaOf("maintenance").find((one) => isTrue(one));
    if (unmanaged !== undefined) {
      const text = "is-managed=false: freeze the service after the start: clusvcadm-ts -Z SERVICE";
      given.remarks.push({ at: unmanaged.at, text });
    }
    const { attributes, remarks } = recoveryOf(parts, resourceDefaults);
    given.remarks.push(...remarks);
    return [...(off === undefined ? [] : [confAttribute("autostart", "0", off.at)]), ...attributes];
  }

  #freeName(wanted: string): string {
    const clean = wanted.replace(/[^\w.@-]/g, "_").slice(0, nameBytesMax);
    let name = clean;
    for (let count = 2; this.#names.has(name); count += 1) name = `${clean}-${count}`;
    this.#names.add(name);
    return name;
  }
}

/** Without its domain, as the qpid guide has it; an address stays whole. */
function shortName(node: string): string {
  return parseAddress(node) === null ? (node.split(".")[0] ?? node) : node;
}

function partsOf({ parts }: ServiceUnit): readonly Part[] {
  return parts.flatMap((part): readonly Part[] => {
    return part.type === "group" ? [part, ...part.members] : [part];
  });
}

function scoreOf(setting: Setting | undefined): number {
  return Math.max(0, parseScore(setting?.value ?? "") ?? 0);
}
