/**
 * TypeScript with the content of its comments, strings, templates and regular expressions blanked,
 * so that what is left of braces, words and operators is code. Offsets and line ends stay.
 */

type Mode = "code" | "line-comment" | "block-comment" | "string" | "template" | "regex";

export function maskSource(text: string): string {
  const masker = new Masker(text);
  return masker.run();
}

const wordsBeforeRegex = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "yield",
  "await",
  "else",
]);

class Masker {
  readonly #text: string;
  #mode: Mode = "code";
  #out = "";
  #quote = "";
  #inClass = false;
  /** Depth of braces at each template substitution that is open. */
  readonly #substitutions: number[] = [];
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): string {
    while (this.#out.length < this.#text.length) {
      const at = this.#out.length;
      const pair = this.#text.slice(at, at + 2);
      if (this.#mode === "code") this.#code(pair);
      else this.#inside(pair);
    }
    return this.#out;
  }

  #code(pair: string): void {
    const char = pair.charAt(0);
    if (pair === "//") this.#enter("line-comment", 2);
    else if (pair === "/*") this.#enter("block-comment", 2);
    else if (char === "/" && this.#regexMayFollow()) this.#enter("regex", 0);
    else if (char === '"' || char === "'") this.#openString(char);
    else if (char === "`") this.#enter("template", 0);
    else {
      if (char === "{") this.#depth += 1;
      if (char === "}") {
        this.#depth -= 1;
        if (this.#substitutions.at(-1) === this.#depth) {
          this.#substitutions.pop();
          this.#mode = "template";
        }
      }
      this.#out += char;
    }
  }

  #inside(pair: string): void {
    const char = pair.charAt(0);
    const ends = this.#ends(pair);
    if (ends > 0) {
      this.#out += this.#mode === "block-comment" ? "  " : char;
      this.#mode = "code";
    } else if (this.#mode === "template" && pair === "${") {
      this.#substitutions.push(this.#depth);
      this.#depth += 1;
      this.#mode = "code";
      this.#out += " {";
    } else if (char === "\\" && this.#mode !== "line-comment" && this.#mode !== "block-comment") {
      this.#blank(pair);
    } else {
      if (this.#mode === "regex" && char === "[") this.#inClass = true;
      if (this.#mode === "regex" && char === "]") this.#inClass = false;
      this.#blank(char);
    }
  }

  /** How many characters end what is open; 0 when it goes on. */
  #ends(pair: string): number {
    const char = pair.charAt(0);
    switch (this.#mode) {
      case "line-comment":
        return char === "\n" ? 1 : 0;
      case "block-comment":
        return pair === "*/" ? 2 : 0;
      case "string":
        return char === this.#quote || char === "\n" ? 1 : 0;
      case "template":
        return char === "`" ? 1 : 0;
      case "regex":
        return (char === "/" && !this.#inClass) || char === "\n" ? 1 : 0;
      case "code":
        return 0;
    }
  }

  #openString(quote: string): void {
    this.#quote = quote;
    this.#enter("string", 0);
  }

  /** Comments vanish whole; of the others the opening character stays. */
  #enter(mode: Mode, blanks: number): void {
    const at = this.#out.length;
    this.#out += blanks > 0 ? " ".repeat(blanks) : this.#text.charAt(at);
    this.#mode = mode;
    this.#inClass = false;
  }

  #blank(text: string): void {
    this.#out += text.replace(/[^\n]/g, " ");
  }

  #regexMayFollow(): boolean {
    const before = this.#out.trimEnd();
    const word = /[\w$]+$/.exec(before)?.[0];
    if (word !== undefined) return wordsBeforeRegex.has(word);
    return before === "" || "(,=:[!&|?{};+-*%<>~^".includes(before.slice(-1));
  }
}
