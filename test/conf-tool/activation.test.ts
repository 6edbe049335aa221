import { test } from "tap";
import { confHash } from "../../src/daemon/loaded-conf.ts";
import { exampleNode, exampleStatus } from "../control/fake-backend.ts";
import { serve, temporarySocket } from "../control/served.ts";
import { MemoryFiles } from "./memory-files.ts";

const conf = `<cluster name="c" config_version="1">
  <clusternodes>
    <clusternode name="n1" nodeid="1"/>
  </clusternodes>
  <rm/>
</cluster>
`;
const hash = confHash(conf);
const inForce = { version: 1, hash, file: "c.conf" };

test("an edit is written, then put in force on all nodes", async (t) => {
  const { socketPath, backend } = await serve(t);
  backend.inForce = inForce;
  const files = new MemoryFiles(conf);
  backend.reloaded = { accepted: true, text: "service:s is new" };
  const words = ["-f", "c.conf", "--addservice", "s", "--sync", "--activate"];
  t.match(await files.ccsAt(socketPath, ...words), { out: "service:s is new\n", exit: 0 });
  t.equal(backend.reloads, 1);
  t.match(files.conf, /config_version="2"[\s\S]*<service name="s"\/>/);
  backend.reloaded = { accepted: true, text: "" };
  t.match(await files.ccsAt(socketPath, "-f", "c.conf", "--activate"), {
    out: "",
    err: "",
    exit: 0,
  });
  t.equal(backend.reloads, 2);
});

test("an edit that the cluster refuses is taken back", async (t) => {
  const { socketPath, backend } = await serve(t);
  backend.inForce = inForce;
  backend.reloaded = { accepted: false, text: "node2: the script is missing" };
  const files = new MemoryFiles(conf);
  const words = ["-f", "c.conf", "--addservice", "s", "--activate"];
  const { err, exit } = await files.ccsAt(socketPath, ...words);
  t.equal(exit, 1);
  t.match(err, /ccs-ts: node2: the script is missing\nccs-ts: c.conf is as before\n$/);
  t.equal(files.conf, conf);
});

test("a file that is not the daemon's, or not finished, is not even edited", async (t) => {
  const { socketPath, backend } = await serve(t);
  backend.inForce = { ...inForce, file: "/etc/other.conf" };
  const files = new MemoryFiles(conf);
  const words = ["-f", "c.conf", "--addfailoverdomain", "d", "restricted", "--activate"];
  t.match(await files.ccsAt(socketPath, ...words), { err: /use -f \/etc\/other.conf/, exit: 1 });
  backend.inForce = inForce;
  t.match(await files.ccsAt(socketPath, ...words), { err: /domain without nodes/, exit: 1 });
  t.equal(files.conf, conf);
  t.equal(backend.reloads, 0);
  const nowhere = temporarySocket(t);
  const start = /no clusterd answers here: .*; start it with: systemctl start clusterd/;
  t.match(await files.ccsAt(nowhere, ...words), { err: start, exit: 1 });
});

test("getconf prints what is in force, checkconf compares all nodes and the file", async (t) => {
  const { socketPath, backend } = await serve(t);
  backend.inForce = inForce;
  backend.shown = exampleStatus({ nodes: [exampleNode(1), exampleNode(2)] });
  const files = new MemoryFiles(conf);
  t.same(await files.ccsAt(socketPath, "--getconf"), { out: conf, err: "", exit: 0 });
  const version = `version 1 (${hash.slice(0, 12)})`;
  const nodes = `node1.example.com: ${version}\nnode2.example.com: ${version}\n`;
  t.same(await files.ccsAt(socketPath, "--checkconf"), {
    out: `${nodes}c.conf: ${version}\n`,
    err: "",
    exit: 0,
  });
  files.content.set("c.conf", conf.replace('"1"', '"2"'));
  t.match(await files.ccsAt(socketPath, "--getconf"), {
    ...{ out: "", exit: 1 },
    err: /version 1 is in force, and c\.conf is another content: put that in force with --activ/,
  });
  const absent = exampleNode(3, { online: false, ready: false });
  const waiting = exampleNode(2, { ready: false });
  backend.shown = exampleStatus({ nodes: [exampleNode(1), waiting, absent] });
  t.match(await files.ccsAt(socketPath, "--checkconf"), {
    out: /^node1.*version 1.*\nnode2.*: unknown\nnode3.*: unknown\nc.conf: another content\n$/,
    err: /node2.* is not ready.*\n.*node3.* is no member.*\n.*put it in force with --activate\n$/,
    exit: 1,
  });
});
