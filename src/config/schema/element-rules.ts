/**
 * How the rule of an element is written: the attributes and elements that it may have, what each
 * means, which values it takes, what holds without it, and how it is treated.
 * The rules themselves are in the other files of this folder; the checks of the daemon, the manual
 * page cluster.conf(5) and the schema for editors are all made from them.
 * Tested in: test/config/complaints.test.ts, test/documents/documents.test.ts
 */
import type { ChoiceOption, FlagOption, IntegerOption } from "../text/defaults.ts";
import type { ValueKind } from "../text/value-kind.ts";

export type AttributeRule =
  | {
      readonly verdict: "implement";
      /** One sentence. */
      readonly meaning: string;
      readonly kind: ValueKind;
      /** What holds without it, in words; null: nothing of the kind. */
      readonly default: string | null;
      readonly required?: true;
    }
  /** Accepted without a word, and without effect. */
  | { readonly verdict: "ignore"; readonly meaning: string }
  /** Accepted with a warning, and without effect. The reason says why, or what to write instead. */
  | { readonly verdict: "warn"; readonly reason: string }
  | { readonly verdict: "refuse"; readonly reason: string };

export type AttributeRules = Readonly<Record<string, AttributeRule>>;

/** How names are treated that no rule lists; errors where a typing error would endanger safety. */
export type UnknownName = "error" | "warning" | "silent";

export type ElementRule = {
  /** One sentence. */
  readonly meaning: string;
  readonly unknownAttribute: UnknownName;
  readonly unknownElement: UnknownName;
  readonly attributes: AttributeRules;
  readonly children: Readonly<Record<string, ChildElementRule>>;
};

export type ChildElementRule =
  /** `needed`: there must be one; the section that reads it complains if there is none. */
  | { readonly type: "once"; readonly rule: ElementRule; readonly needed?: true }
  | { readonly type: "repeated"; readonly rule: ElementRule; readonly needed?: true }
  /** Its content is that of resources, whose rules are those of their agents. */
  | { readonly type: "opaque"; readonly once: boolean; readonly meaning: string }
  | { readonly type: "silent"; readonly meaning: string }
  | { readonly type: "ignored"; readonly reason: string }
  | { readonly type: "refused"; readonly reason: string };

export const noChildren = {} as const;
export const lenient = { unknownAttribute: "warning", unknownElement: "warning" } as const;
export const strict = { unknownAttribute: "error", unknownElement: "error" } as const;
/** Parameters of a program that is not part of clusterd. */
export const open = { unknownAttribute: "silent", unknownElement: "warning" } as const;

/** `computed`: the default in words, where other options decide it. */
export function integerRule(
  option: IntegerOption,
  meaning: string,
  computed: string | null = null,
): AttributeRule {
  const { min, max, unit, also = [] } = option;
  const kind = { type: "integer", min, max, unit, also } as const;
  const usual = option.default === null ? computed : `${option.default}`;
  return { verdict: "implement", meaning, kind, default: usual };
}

export function flagRule(option: FlagOption, meaning: string, computed?: string): AttributeRule {
  const { default: on } = option;
  const usual = on === null ? (computed ?? null) : on ? "1" : "0";
  return { verdict: "implement", meaning, kind: { type: "flag" }, default: usual };
}

export function choiceRule(
  { words, default: usual }: ChoiceOption,
  meaning: string,
  more: { readonly anyCase?: true; readonly computed?: string } = {},
): AttributeRule {
  const { computed = usual, ...rest } = more;
  return {
    verdict: "implement",
    meaning,
    kind: { type: "choice", words, ...rest },
    default: computed,
  };
}

/** A text without a default; `usual` says what holds without it. */
export function textRule(
  meaning: string,
  kind: ValueKind = { type: "text", allowed: "any text" },
  usual: string | null = null,
): AttributeRule {
  return { verdict: "implement", meaning, kind, default: usual };
}

export function required(rule: AttributeRule): AttributeRule {
  return rule.verdict === "implement" ? { ...rule, required: true } : rule;
}

export function ignore(meaning: string): AttributeRule {
  return { verdict: "ignore", meaning };
}

export function warn(reason: string): AttributeRule {
  return { verdict: "warn", reason };
}

export function refuseWith(reason: string): AttributeRule {
  return { verdict: "refuse", reason };
}
