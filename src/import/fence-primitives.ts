/**
 * Separates fence devices from the other resources; Pacemaker writes both as primitives.
 * Source: Pacemaker Explained 2.1, "Fencing". Clones of devices, which old guides recommend, are
 * what the device is: every node may call its agent.
 * Tested in: test/import/fence-elements.test.ts
 */
import type { ClusterResource, PacemakerConf, Primitive } from "./pacemaker-conf.ts";

export function separateFenceDevices(
  all: readonly ClusterResource[],
): Pick<PacemakerConf, "resources" | "fenceDevices"> {
  const fenceDevices: Primitive[] = [];
  const resources: ClusterResource[] = [];
  for (const resource of all) {
    const found = primitivesOf(resource);
    const devices = found.filter(isFenceDevice);
    fenceDevices.push(...devices);
    if (devices.length < found.length) resources.push(resource);
  }
  return { resources, fenceDevices };
}

export function primitivesOf(resource: ClusterResource): readonly Primitive[] {
  switch (resource.type) {
    case "primitive":
      return [resource];
    case "group":
      return resource.members;
    case "clone":
      return primitivesOf(resource.body);
  }
}

function isFenceDevice({ standard }: Primitive): boolean {
  return standard === "stonith";
}
