/** What a node says of its own broker, and how often. */
import { test } from "tap";
import type { BrokerSight } from "../../src/brokers/broker-sight.ts";
import { BrokerAnnouncement } from "../../src/node/broker-announcement.ts";
import { TableDriver } from "../services/table-driver.ts";
import { id } from "../sim/cluster-machine.ts";
import { sampleConf } from "../sim/sample-conf.ts";

const gone: BrokerSight = { type: "gone" };
const silent: BrokerSight = { type: "silent", why: "frozen" };

class Scene {
  readonly driver = new TableDriver(sampleConf({ qpid: "observe", fencing: { cleanStart: true } }));
  readonly said: BrokerSight[] = [];
  readonly broker: BrokerAnnouncement;
  #life: () => number = () => this.driver.life(1);

  constructor() {
    const life = () => this.#life();
    this.broker = new BrokerAnnouncement(id(1), {
      announceBroker: ({ sight }) => this.said.push(sight),
      get life() {
        return life();
      },
    });
    this.driver.view(1, 2, 3);
  }

  announce(ringSeq = 1): readonly BrokerSight[] {
    this.broker.announce(this.driver.table, ringSeq);
    return this.said.splice(0);
  }
}

test("nothing is said before this node is ready, or while it has seen nothing", async (t) => {
  const scene = new Scene();
  t.same(scene.announce(), []);
  scene.broker.see({ sight: gone, remembers: null });
  t.same(scene.announce(), []);
  scene.driver.ready(1, 2, 3);
  t.same(scene.announce(), [gone]);
});

test("each change is said once", async (t) => {
  const scene = new Scene();
  scene.driver.ready(1, 2, 3);
  scene.broker.see({ sight: gone, remembers: null });
  t.same(scene.announce(), [gone]);
  t.same(scene.announce(), []);
  scene.driver.sees(1, gone);
  scene.broker.see({ sight: silent, remembers: null });
  t.same([...scene.announce(), ...scene.announce()], [silent]);
  scene.broker.see({ sight: gone, remembers: null });
  t.same(scene.announce(), [gone], "before the others have heard of what came between");
});

test("what the table has forgotten is said again", async (t) => {
  const scene = new Scene();
  scene.driver.ready(1, 2, 3);
  scene.broker.see({ sight: silent, remembers: null });
  scene.announce();
  scene.driver.sees(1, silent);
  t.same(scene.announce(), []);
  scene.driver.succeed();
  t.same(scene.announce(), [silent], "the broker's service has started");
  t.same(scene.announce(), []);
});

test("in a new ring it is said again only if the others know something else", async (t) => {
  const scene = new Scene();
  scene.driver.ready(1, 2, 3);
  scene.broker.see({ sight: gone, remembers: null });
  scene.announce();
  t.same(scene.announce(2), [gone], "it was lost with the ring");
  scene.driver.sees(1, gone);
  t.same(scene.announce(3), []);
});
