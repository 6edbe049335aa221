/** DEATH3 and DEATH4: which losses the death certificate of a life releases. */
import { test } from "tap";
import { releaseByCertificate } from "../../src/fencing/death-certificate.ts";
import { livesPerIncarnation, parseIncarnation } from "../../src/model/ids.ts";
import { id } from "../sim/cluster.ts";
import { type SampleOptions, sampleConf } from "../sim/sample-conf.ts";
import { FenceCluster, method } from "./fence-cluster.ts";

const devices = { fenceMethods: [method("power", "fence_apc nps1")] };
const { safeWaitMs } = sampleConf().fencing;

/** Node 1 had the third life of incarnation 7 when it was lost. */
function lost(options: SampleOptions = { fenceMethods: [] }): FenceCluster {
  const cluster = new FenceCluster(sampleConf(options)).begin(1, 2, 3);
  cluster.ready(1, 7 * livesPerIncarnation + 3);
  for (const node of [2, 3]) cluster.ready(node);
  cluster.view([2, 3]);
  cluster.concluded.length = 0;
  return cluster;
}

function certificate(cluster: FenceCluster, incarnation = 7) {
  const known = parseIncarnation(incarnation);
  if (known === null) throw new Error(`no incarnation: ${incarnation}`);
  const named = { node: id(1), incarnation: known };
  return releaseByCertificate(cluster.domain(2).snapshot(), named, { by: id(2), at: 5 });
}

function certify(cluster: FenceCluster): FenceCluster {
  const message = certificate(cluster);
  if (message === null) throw new Error("nothing is released");
  return cluster.say(message);
}

test("without devices the node is off at once, and its wait is over", async (t) => {
  const cluster = certify(lost());
  t.match(cluster.concluded, [
    /^node 2: fenced 1 \(certificate/,
    /^node 3: fenced 1 \(certificate/,
  ]);
  t.match(cluster.domain(3).describe(id(1)), /^fenced \(certificate\) by node2/);
  cluster.run(safeWaitMs);
  t.equal(cluster.concluded.length, 2, "and nothing more is concluded");
  t.equal(certificate(cluster), null, "it is no victim any more");
});

test("with devices no agent begins any more", async (t) => {
  const cluster = certify(lost(devices));
  t.match(cluster.concluded[0], /fenced 1 \(certificate/);
  t.equal(cluster.run(safeWaitMs).calls.length, 0);
});

test("DEATH7: agents that run are waited for, also where the word was on its way", async (t) => {
  const cluster = lost(devices);
  const message = certificate(cluster);
  if (message === null) throw new Error("nothing is released");
  cluster.run(1);
  t.equal(cluster.calls.length, 1);
  t.equal(certificate(cluster), null);
  t.same(cluster.say(message).concluded, []);
  cluster.answerAll("success");
  t.match(cluster.concluded[0], /fenced 1 \(agent/);
});

test("the certificate of another incarnation releases nothing", async (t) => {
  t.equal(certificate(lost(), 6), null);
  t.equal(certificate(lost(), 8), null, "this history has not seen it clean");
});

test("a node that this history has not seen is not released", async (t) => {
  const cluster = new FenceCluster(sampleConf({ fenceMethods: [] })).begin(2, 3);
  t.equal(certificate(cluster), null);
});

test("a life that has not proven itself clean leaves open what ran before it", async (t) => {
  const cluster = new FenceCluster(sampleConf({ fenceMethods: [] })).begin(1, 2, 3).view([2, 3]);
  t.equal(certificate(cluster), null);
});

test("an id that more than one process uses is not released", async (t) => {
  const cluster = lost();
  cluster.say({ type: "fence-contested", node: id(1), by: id(3), contested: true });
  t.equal(certificate(cluster), null);
});

test("a node that is back proves itself clean by its own word", async (t) => {
  const cluster = lost();
  const message = certificate(cluster);
  if (message === null) throw new Error("nothing is released");
  cluster.view([1, 2, 3]);
  t.equal(certificate(cluster), null);
  cluster.say(message);
  t.same(cluster.concluded, [], "also where the word was on its way");
  cluster.ready(1, 8 * livesPerIncarnation);
  t.match(cluster.concluded, [/ready 1/, /ready 1/, /ready 1/]);
});

test("a certificate that comes late says nothing of the next loss", async (t) => {
  const cluster = lost();
  const message = certificate(cluster);
  if (message === null) throw new Error("nothing is released");
  cluster.view([1, 2, 3]).view([2, 3], { silentMs: { 1: 0 } });
  cluster.say(message);
  t.same(cluster.concluded, []);
});
