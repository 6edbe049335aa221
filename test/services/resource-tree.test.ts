/** The order of start and stop: the worked examples of rgmanager's agents, and its rules. */
import { test } from "tap";
import type { ResourceConf } from "../../src/model/conf.ts";
import { startOrder, stopOrder } from "../../src/services/tree/resource-tree.ts";
import { ip, resource, script } from "../sim/sample-conf.ts";

function service(...children: readonly ResourceConf[]): ResourceConf {
  return resource("service", "s", { children });
}

function keys(order: readonly ResourceConf[]): string {
  return order.map((one) => one.key).join(" ");
}

const fs = (key: string, ...children: readonly ResourceConf[]) => resource("fs", key, { children });

test("resource case 2: the address comes before the script and goes after", async (t) => {
  const tree = service(script("qpidd-primary"), ip("20.0.20.200"));
  t.equal(keys(startOrder(tree)), "s 20.0.20.200 qpidd-primary");
  t.equal(keys(stopOrder(tree)), "qpidd-primary 20.0.20.200 s");
});

test("typed children go by level, untyped ones last, in document order", async (t) => {
  const tree = service(
    script("x"),
    resource("apache", "w1"),
    resource("apache", "w2"),
    ip("1.1.1.1"),
    fs("f"),
  );
  t.equal(keys(startOrder(tree)), "s f 1.1.1.1 x w1 w2");
  t.equal(keys(stopOrder(tree)), "w2 w1 x 1.1.1.1 f s");
});

test("a script below a file system starts with it and stops before it", async (t) => {
  const tree = service(fs("f", script("b")), ip("1.1.1.1"), script("a"));
  t.equal(keys(startOrder(tree)), "s f b 1.1.1.1 a");
  t.equal(keys(stopOrder(tree)), "a 1.1.1.1 b f s");
});

test("below a type without child list the document decides", async (t) => {
  const tree = script("top", {
    children: [resource("clusterfs", "c"), ip("1.1.1.3"), fs("m"), script("two"), ip("1.1.1.4")],
  });
  t.equal(keys(startOrder(tree)), "top c 1.1.1.3 m two 1.1.1.4");
  t.equal(keys(stopOrder(tree)), "1.1.1.4 two m 1.1.1.3 c top");
});

test("stop levels are no mirror: script, address, share", async (t) => {
  const tree = service(resource("smb", "share"), ip("1.1.1.1"), script("x"));
  t.equal(keys(startOrder(tree)), "s 1.1.1.1 share x");
  t.equal(keys(stopOrder(tree)), "x 1.1.1.1 share s");
});

test("every typed level in turn", async (t) => {
  const types = "script smb ip nfsclient nfsexport netfs clusterfs fs lvm".split(" ");
  const tree = service(...types.map((type) => resource(type, type)));
  const start = "s lvm fs clusterfs netfs nfsexport nfsclient ip smb script";
  t.equal(keys(startOrder(tree)), start);
  const stop = "script ip smb nfsclient nfsexport netfs clusterfs fs lvm s";
  t.equal(keys(stopOrder(tree)), stop);
});

test("equal types keep document order when starting, the reverse when stopping", async (t) => {
  const tree = service(script("a"), ip("1.1.1.1"), script("b"), ip("1.1.1.2"), script("c"));
  t.equal(keys(startOrder(tree)), "s 1.1.1.1 1.1.1.2 a b c");
  t.equal(keys(stopOrder(tree)), "c b a 1.1.1.2 1.1.1.1 s");
});

test("each subtree is finished before the next one", async (t) => {
  const tree = service(fs("f1", script("b1")), fs("f2", script("b2", { children: [ip("9")] })));
  t.equal(keys(startOrder(tree)), "s f1 b1 f2 b2 9");
  t.equal(keys(stopOrder(tree)), "9 b2 f2 b1 f1 s");
});

test("a service without resources is itself only", async (t) => {
  t.equal(keys(startOrder(service())), "s");
  t.equal(keys(stopOrder(service())), "s");
});
