/**
 * What every process of a service carries in its environment: by it its descendants are found
 * again, however they detach.
 */
import type { ResourceConf } from "../model/conf.ts";
import type { NodeName, ServiceName } from "../model/ids.ts";

/** What the processes of a resource are marked with, `script:qpidd`. */
export function resourceMark({ type, key }: ResourceConf): string {
  return `${type}:${key}`;
}

export function trackingMarks(place: {
  readonly service: ServiceName;
  readonly resource: string;
  readonly nodeName: NodeName;
  readonly trackingToken: string;
}): readonly (readonly [string, string])[] {
  return [
    ["CLUSTERD_SERVICE", place.service],
    ["CLUSTERD_RESOURCE", place.resource],
    ["CLUSTERD_NODE", place.nodeName],
    ["CLUSTERD_TRACK", place.trackingToken],
  ];
}
