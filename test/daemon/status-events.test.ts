import { test } from "tap";
import type { ControlEvent } from "../../src/control/protocol.ts";
import { StatusEvents } from "../../src/daemon/status-events.ts";
import { exampleService, exampleStatus } from "../control/fake-backend.ts";

function listen(events: StatusEvents) {
  const heard: ControlEvent[] = [];
  const stop = events.subscribe((event) => heard.push(event));
  return { stop, take: () => heard.splice(0) };
}

test("what has changed is told, and nothing else", async (t) => {
  const events = new StatusEvents();
  const { take } = listen(events);
  const status = exampleStatus();
  events.publish(() => status);
  take();
  events.publish(() => exampleStatus());
  t.same(take(), [], "the same status, made anew");
  const quorum = { ...status.quorum, votes: 3 };
  events.publish(() => ({ ...status, quorum }));
  t.same(take(), [{ type: "quorum", at: status.now, quorum }]);
  const nodes = status.nodes.slice(1);
  const [first, ...rest] = status.services ?? [];
  const service = exampleService("qpidd-primary-service", { owner: 3 });
  t.match(first, { name: service.name }, "the service is one of the example");
  events.publish(() => ({ ...status, quorum, nodes, services: [service, ...rest] }));
  t.same(take(), [
    { type: "nodes", at: status.now, nodes },
    { type: "service", at: status.now, service },
  ]);
});

test("no status is made for nobody, and who has stopped hears nothing", async (t) => {
  const events = new StatusEvents();
  let made = 0;
  events.publish(() => {
    made += 1;
    return exampleStatus();
  });
  t.equal(made, 0);
  const one = listen(events);
  const other = listen(events);
  one.stop();
  events.publish(() => exampleStatus());
  t.same(one.take(), []);
  t.ok(other.take().length > 0);
});
