/**
 * What every process of a service carries in its environment: by it its descendants are found
 * again, however they detach.
 */
import type { NodeName, ServiceName } from "../model/ids.ts";

export function trackingMarks(place: {
  readonly service: ServiceName;
  readonly nodeName: NodeName;
  readonly trackingToken: string;
}): readonly (readonly [string, string])[] {
  return [
    ["CLUSTERD_SERVICE", place.service],
    ["CLUSTERD_NODE", place.nodeName],
    ["CLUSTERD_TRACK", place.trackingToken],
  ];
}
