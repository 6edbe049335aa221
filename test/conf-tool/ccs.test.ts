import { test } from "tap";
import { MemoryFiles } from "./memory-files.ts";

const conf = `<cluster name="c" config_version="1">
  <clusternodes>
    <clusternode name="n1" nodeid="1"/>
  </clusternodes>
  <rm/>
</cluster>
`;

test("mistakes in the call change nothing, and say what is right", async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /nothing is asked for\n/],
    ["x --lsnodes", /'x' stands before any option/],
    ["--lsnodes x", /unexpected 'x' after --lsnodes/],
    ["--addnode", /--addnode needs more words; usage: --addnode NODE/],
    ["--addnode a b", /unexpected 'b' after --addnode/],
    ["--addnodes a", /unrecognized option '--addnodes'/],
    ["--lsnodes --lsservices", /--lsnodes and --lsservices cannot be asked for at once/],
    ["--lsnodes --activate", /--lsnodes and --activate cannot/],
    ["--sync", /--sync needs --activate/],
    ["--rmnode n1 --nodeid 3", /--nodeid is for one --addnode/],
    ["-h n1 --addnode n2", /-h n1: there is no ricci/],
    ["-p secret --addnode n2", /there is no ricci, and no password/],
    ["--addheuristic program=x", /there is no --addheuristic here: /],
    ["--start", /systemctl start clusterd/],
    ["--addservice a --createcluster d", /--createcluster must come first/],
  ];
  for (const [call, err] of cases) {
    const files = new MemoryFiles(conf);
    const outcome = await files.ccs(...call.split(" ").filter((word) => word !== ""));
    t.match(outcome, { out: "", err, exit: call.includes("createcluster") ? 1 : 2 }, call);
    t.equal(files.conf, conf, call);
  }
});

test("what is refused names the cause, and the file stays as it was", async (t) => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--addservice", "s", "x"], /'x' is no option|"x" is no option/],
    [["--addservice", "s", "1=2"], /cannot be the name of an option/],
    [["--addservice", "s", "a=1", "a=2"], /a is given twice/],
    [["--addservice", "s", "a=\u0007"], /the value of a has a control character/],
    [["--addresource", "a b", "x=1"], /cannot be a type of resources/],
    [["--addservice", "s", "domain=d"], /failoverdomain "d" is not defined/],
    [["--addnode", "n2", "--votes", "many"], /"many" is not an integer/],
    [["--rmuidgid", "uid=x"], /there is no <uidgid> uid=x/],
    [["--addmethod", "m", "n2"], /there is no node "n2"; did you mean "n1"\?/],
    [["--createcluster", "far too long a name"], /name/],
  ];
  for (const [words, err] of cases) {
    const files = new MemoryFiles(conf);
    t.match(await files.ccs(...words), { out: "", err, exit: 1 }, words.join(" "));
    t.equal(files.conf, conf, words.join(" "));
  }
  const files = new MemoryFiles("<cluster>");
  t.match(await files.ccs("--addnode", "x"), { err: /repair it in an editor/, exit: 1 });
  const cib = new MemoryFiles("<cib/>");
  t.match(await cib.ccs("--addnode", "x"), { err: /its root is <cib>/, exit: 1 });
  t.match(await new MemoryFiles().ccs("--addnode", "x"), { err: /make one with --createcluster/ });
});

test("-i writes what is not valid, and says so", async (t) => {
  const files = new MemoryFiles(conf);
  const { err, exit } = await files.ccs("-i", "--addservice", "s", "domain=d");
  t.equal(exit, 0);
  t.match(err, /is written, but is not finished yet:\n[\s\S]*"d" is not defined/);
  t.match(files.conf, /config_version="2"[\s\S]*<service name="s" domain="d"\/>/);
});

test("warnings that an edit brings are said, those of before are not", async (t) => {
  const files = new MemoryFiles(conf.replace("<rm/>", '<rm colour="1"/>'));
  const { err } = await files.ccs("--setfencedaemon", "post_jon_delay=3");
  t.match(err, /unknown attribute "post_jon_delay"/);
  t.notMatch(err, /colour/);
});

test("a file that another program changes meanwhile is left as that has made it", async (t) => {
  const files = new MemoryFiles(conf);
  files.onCheck = () => files.content.set("c.conf", "theirs");
  t.match(await files.ccs("--addnode", "n2"), { err: /was changed meanwhile/, exit: 1 });
  t.equal(files.conf, "theirs");
});

test("a disk that cannot be written is said", async (t) => {
  const files = new MemoryFiles(conf);
  files.unwritable = "no space left on device";
  t.match(await files.ccs("--addnode", "n2"), { err: /c.conf: no space left/, exit: 1 });
  t.match(await files.ccs("--createcluster", "d"), { err: /c.conf.replaced: no space/, exit: 1 });
});

test("a cluster in whose place another one is created is kept beside it", async (t) => {
  const files = new MemoryFiles(conf);
  const { err } = await files.ccs("--createcluster", "other", "--addnode", "a");
  t.equal(err, "ccs-ts: the file that was there is c.conf.replaced now\n");
  t.equal(files.content.get("c.conf.replaced"), conf);
  t.match(files.conf, /name="other" config_version="2"/);
});

test("several edits raise the version once, long names may be shortened", async (t) => {
  const files = new MemoryFiles(conf);
  t.match(await files.ccs("--addno", "n2", "--addserv", "s", "--setvers", "9"), { exit: 0 });
  t.match(files.conf, /config_version="9"/);
  t.match(await files.ccs("--addservice", "a", "--addservice", "b"), { exit: 0 });
  t.match(files.conf, /config_version="10"/);
  t.match(await files.ccs("-hlocalhost", "--getversion"), { out: "10\n", exit: 0 });
  t.match(await files.ccs("--getconf"), { out: files.conf, exit: 0 });
});
