import { z } from "zod";
import {
  ACCESS_ACTIONS,
  ACCESS_LEVELS,
  ACCESS_ROLES,
  type AccessLevel,
  MEMBER_CLASSES,
  NARROWER_SOURCE_POLICIES,
  type SUBJECT_KINDS,
} from "./access.ts";

const MAX_REFERENCE_CHARS = 640;

/** A place as people write it: what it is called, where, at which level. */
export interface PlaceReference {
  readonly level: AccessLevel;
  /** A platform's name or an installation's id; empty at the level of the organization. */
  readonly within: string;
  /** Name or id of the place there; empty at the level of the organization. */
  readonly name: string;
  /** The name is an id and taken as it is, whether or not the place is known already. */
  readonly literal: boolean;
}

export interface SubjectReference {
  readonly subjectKind: (typeof SUBJECT_KINDS)[number];
  readonly subject: string;
}

/**
 * Reads `organization`, `slack:general` (a channel by name or id) or `space:…`, `category:…`, `channel:…`, `thread:…` followed by platform or
 * installation and name or id; `id=` before an id takes it as it is. Undefined for anything else.
 */
export function parsePlace(text: string): PlaceReference | undefined {
  if (text === "organization") return { level: "organization", within: "", name: "", literal: true };
  const [first = "", ...rest] = text.split(":");
  if (first === "organization") return undefined;
  const level = ACCESS_LEVELS.find((known) => known === first);
  const [within = "", ...words] = level === undefined ? [first, ...rest] : rest;
  const written = words.join(":").trim();
  const literal = written.startsWith("id=");
  const name = literal ? written.slice(3) : written.replace(/^#/u, "");
  if (!/^[A-Za-z][\w-]{0,63}$/u.test(within) || name === "") return undefined;
  return { level: level ?? "channel", within, name, literal };
}

/** Reads `everyone`, `class:guest`, `role:auditor`, `person:U123` or `agent:helper`; undefined for anything else. */
export function parseSubject(text: string): SubjectReference | undefined {
  if (text === "everyone") return { subjectKind: "everyone", subject: "" };
  const at = text.indexOf(":");
  const kind = text.slice(0, Math.max(0, at));
  const subject = text.slice(at + 1).trim();
  if (subject === "") return undefined;
  if (kind === "class" && MEMBER_CLASSES.some((known) => known === subject)) return { subjectKind: "class", subject };
  if (kind === "role" && ACCESS_ROLES.some((known) => known === subject)) return { subjectKind: "role", subject };
  if (kind === "person") return { subjectKind: "person", subject };
  if (kind === "agent") return { subjectKind: "agent", subject: subject.replace(/^@/u, "") };
  return undefined;
}

/** NUL and half characters cannot be stored, and control characters belong in no name. */
const printable = z
  .string()
  .trim()
  .min(1)
  .max(MAX_REFERENCE_CHARS)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, "must hold no control characters");

const Place = printable.refine(
  (text) => parsePlace(text) !== undefined,
  "must be organization, platform:channel such as slack:general, or level:platform:name such as space:discord:42 (space, category, channel, thread)",
);
const Channel = printable.refine(
  (text) => parsePlace(text)?.level === "channel",
  "must be platform:channel such as slack:general",
);
const Subject = printable.refine(
  (text) => parseSubject(text) !== undefined,
  `must be everyone, class: and one of ${MEMBER_CLASSES.join(", ")}, role: and one of ${ACCESS_ROLES.join(", ")}, person: and a platform id, or agent: and a handle`,
);
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `must be one of ${values.join(", ")}` });

export const AccessActionName = oneOf(ACCESS_ACTIONS);
export const NarrowerSourceName = oneOf(NARROWER_SOURCE_POLICIES);

/** One line of an access list as people write it. */
export const AccessRuleInput = z.strictObject({
  at: Place.default("organization").describe(
    "place from which it holds downwards: organization, platform:channel, or level:platform:name; default organization",
  ),
  who: Subject.describe(
    "whom it is about: everyone, class:guest, role:auditor, person: and a platform id, agent: and a handle",
  ),
  actions: z
    .array(AccessActionName)
    .min(1)
    .max(ACCESS_ACTIONS.length)
    .describe(`what it is about, of ${ACCESS_ACTIONS.join(", ")}`),
  effect: oneOf(["allow", "deny"]).describe("allow or deny; a deny wins over every allow above and below"),
});
export type AccessRuleInput = z.infer<typeof AccessRuleInput>;

/** A role given to a person, as people write it. */
export const AccessRoleInput = z.strictObject({
  at: Place.default("organization").describe("place from which the role holds downwards; default organization"),
  person: printable.describe("the person's id on their platform"),
  role: oneOf(ACCESS_ROLES).describe("owner, admin, member, guest or auditor"),
});
export type AccessRoleInput = z.infer<typeof AccessRoleInput>;

/** What is decided for one channel as a whole, as people write it. */
export const AccessChannelInput = z.strictObject({
  channel: Channel.describe("the channel, such as slack:general"),
  onNarrowerSource: NarrowerSourceName.describe(
    "what becomes of a reply that not all readers of the channel may read: withhold, asker or approve",
  ),
});
export type AccessChannelInput = z.infer<typeof AccessChannelInput>;

/** The section `access` of the configuration. */
export const AccessConfig = z.strictObject({
  roles: z.array(AccessRoleInput).max(10_000).default([]).describe("roles of people, beside what their platforms say"),
  rules: z.array(AccessRuleInput).max(10_000).default([]).describe("access lists: who may or may not do what, where"),
  channels: z.array(AccessChannelInput).max(10_000).default([]).describe("what is decided for single channels"),
});
export type AccessConfig = z.infer<typeof AccessConfig>;
