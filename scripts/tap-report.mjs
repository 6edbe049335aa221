// Reads tap's stream: prints a line for each test file, every failed assertion with its diagnosis
// and every skip with its reason, and counts. The line of a file is printed when the next one
// begins, and names that as well: the last line of a run that hangs says where it hangs.
//
// A test's own line repeats the result of its assertions and is not counted; a file that fails
// without a failed assertion (killed, hung, nothing found) counts as one failure.

const resultLine = /^( *)(not ok|ok) \d+(?: - (.*?))?(?: # time=([\d.]+)ms)?(?: \{)?$/;
const directive = / # (SKIP|TODO)\b ?(.*)$/i;

export class TapReport {
  #print;
  /** Names of the tests that are open, outermost first; the first is the file. */
  #open = [];
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  #failedInFile = 0;
  /** Indentation of the diagnosis that is being printed, or null. */
  #diagnosis = null;
  #mayDiagnose = null;
  #files;
  #filesDone = 0;
  /** What became of the file before, until the next one begins. */
  #fileBefore = null;

  /** `files`: how many there are. */
  constructor(print, files) {
    this.#print = print;
    this.#files = files;
  }

  read(line) {
    if (this.#readDiagnosis(line)) return;
    const subtest = /^( *)# Subtest: (.*)$/.exec(line);
    if (subtest !== null) {
      this.#open.length = subtest[1].length / 4;
      this.#open.push(subtest[2]);
      if (this.#open.length === 1) this.#printProgress(`now ${subtest[2]}`);
      return;
    }
    const result = resultLine.exec(line);
    if (result !== null) this.#readResult(result);
  }

  /** What tap's exit code adds: a run that failed in a way no line told. */
  counts(exitCode) {
    if (this.#fileBefore !== null) this.#printProgress(null);
    const silent = exitCode !== 0 && this.#failed === 0 ? 1 : 0;
    if (silent > 0) this.#print(`FAILED tap ended with exit code ${exitCode}`);
    const nothing = exitCode === 0 && this.#passed === 0 && this.#failed === 0 ? 1 : 0;
    if (nothing > 0) this.#print("FAILED no assertion was made");
    return {
      passed: this.#passed,
      failed: this.#failed + silent + nothing,
      skipped: this.#skipped,
    };
  }

  #readResult([, indent, verdict, text = "", time]) {
    const depth = indent.length / 4;
    const marked = directive.exec(text);
    const name = marked === null ? text : text.slice(0, marked.index);
    const closesTest = this.#open.length > depth && this.#open[depth] === name;
    const path = [...this.#open.slice(0, depth), name].join(" > ");
    this.#open.length = Math.min(this.#open.length, depth);
    const failed = verdict === "not ok" && marked === null;
    if (depth === 0) this.#readFile({ failed, name, time, indent });
    else if (marked !== null) this.#readMarked(path, marked);
    else if (closesTest) return;
    else if (failed) this.#fail(path, indent);
    else this.#passed += 1;
  }

  #readMarked(path, [, kind, reason]) {
    this.#skipped += 1;
    this.#print(`${kind.toLowerCase() === "skip" ? "skipped" : "todo"} ${path}: ${reason}`);
  }

  #readFile({ failed, name, time, indent }) {
    if (failed && this.#failedInFile === 0) this.#fail(name, indent);
    this.#failedInFile = 0;
    if (this.#filesDone === this.#files) return;
    this.#filesDone += 1;
    const seconds = (Number(time ?? 0) / 1000).toFixed(1);
    this.#fileBefore = `${failed ? "failed" : "ok"} ${name} (${seconds} s)`;
  }

  #printProgress(next) {
    const parts = [this.#fileBefore, next].filter((part) => part !== null);
    this.#print(`[${this.#filesDone}/${this.#files}] ${parts.join("; ")}`);
    this.#fileBefore = null;
  }

  #fail(path, indent) {
    this.#failed += 1;
    this.#failedInFile += 1;
    this.#mayDiagnose = indent;
    this.#print(`FAILED ${path}`);
  }

  /** The block between `---` and `...` right below a failure, less deeply indented. */
  #readDiagnosis(line) {
    const expected = this.#mayDiagnose;
    this.#mayDiagnose = null;
    if (expected !== null && line === `${expected}  ---`) {
      this.#diagnosis = expected.length + 2;
      return true;
    }
    if (this.#diagnosis === null) return false;
    const text = line.slice(this.#diagnosis);
    if (text === "...") this.#diagnosis = null;
    else this.#print(`    ${text}`);
    return true;
  }
}
