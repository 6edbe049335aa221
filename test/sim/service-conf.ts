/**
 * A random configuration of services over a few nodes: domains of every kind, exclusive services,
 * dependencies, all recovery policies, trees of scripts and addresses.
 */
import type {
  ClusterConf,
  FailoverDomainConf,
  RecoveryPolicy,
  ResourceConf,
  ServiceConf,
} from "../../src/model/conf.ts";
import type { NodeId, ServiceName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import type { Random } from "./random.ts";
import { ip, sampleConf, sampleService, script } from "./sample-conf.ts";

const policies: readonly RecoveryPolicy[] = ["restart", "relocate", "disable", "restart-disable"];

export function randomConf(random: Random, fenceDevices: boolean): ClusterConf {
  const fenceMethods = fenceDevices
    ? [{ name: "power", devices: [{ device: "plug", agent: "fence_test", parameters: [] }] }]
    : [];
  const sample = sampleConf({ nodes: random.pick([3, 3, 4, 5]), fenceMethods });
  const nodes = sample.nodes.map((node) => node.id);
  const domains = Array.from({ length: 1 + random.below(3) }, (_, index) =>
    randomDomain(random, nodes, `domain${index + 1}`),
  );
  const services: ServiceConf[] = [];
  for (let index = 1; index <= 3 + random.below(4); index += 1) {
    services.push(
      randomService(random, { index, domains, earlier: services.map(({ name }) => name) }),
    );
  }
  return { ...sample, services: { ...sample.services, domains, services } };
}

/** The init scripts that the services of the configuration call. */
export function scriptsOf(conf: ClusterConf): readonly string[] {
  const below = (resource: ResourceConf): readonly ResourceConf[] => [
    resource,
    ...resource.children.flatMap(below),
  ];
  return conf.services.services
    .flatMap((service) => below(service.tree))
    .filter((resource) => resource.type === "script")
    .map((resource) => `/etc/init.d/${resource.key}`);
}

function randomDomain(random: Random, nodes: readonly NodeId[], name: string): FailoverDomainConf {
  const ordered = random.chance(0.5);
  const chosen = nodes.filter(() => random.chance(0.6));
  const members = chosen.length > 0 ? chosen : nodes.slice(0, 1);
  return {
    name,
    ordered,
    restricted: random.chance(0.5),
    nofailback: random.chance(0.4),
    nodes: members.map((node) => ({
      node,
      priority: ordered && random.chance(0.8) ? 1 + random.below(3) : null,
    })),
  };
}

function randomService(
  random: Random,
  place: {
    readonly index: number;
    readonly domains: readonly FailoverDomainConf[];
    readonly earlier: readonly ServiceName[];
  },
): ServiceConf {
  const { index, domains, earlier } = place;
  const depends = earlier.length > 0 && random.chance(0.25);
  const children = randomTree(random, index);
  return sampleService(`app${index}`, children, {
    domain: random.chance(0.6) ? random.pick(domains).name : null,
    exclusive: random.chance(0.15),
    autostart: random.chance(0.9),
    recovery: random.pick(policies),
    depend: depends ? random.pick(earlier) : null,
    dependMode: random.chance(0.5) ? "hard" : "soft",
    maxRestarts: random.pick([0, 0, 1, 3]),
    restartExpireMs: ms(random.pick([0, 5000, 60_000])),
    priority: random.below(3),
    retryDelayMs: ms(random.pick([1000, 30_000])),
    boundTo: null,
  });
}

function randomTree(random: Random, index: number): readonly ResourceConf[] {
  const daemon = script(`app${index}`, randomPart(random));
  const address = ip(`20.0.20.${200 + index}`);
  if (random.chance(0.3)) return [daemon];
  if (random.chance(0.5)) {
    const children = [script(`web${index}`, randomPart(random))];
    return [address, script(`app${index}`, { children })];
  }
  return [daemon, address];
}

/** Mostly a part that the service cannot do without. */
function randomPart(random: Random): Partial<ResourceConf> {
  if (random.chance(0.6)) return {};
  const restarts = random.chance(0.5) ? { max: 1 + random.below(2), expireMs: ms(20_000) } : null;
  return { subtree: { kind: random.pick(["independent", "non-critical"]), restarts } };
}
