import { describe, expect, it } from "vitest";
import { AccessConfig, parsePlace, parseSubject } from "../../../src/contracts/access-config.ts";

describe("places as people write them", () => {
  it.each([
    ["organization", { level: "organization", within: "", name: "", literal: true }],
    ["slack:general", { level: "channel", within: "slack", name: "general", literal: false }],
    ["slack:#general", { level: "channel", within: "slack", name: "general", literal: false }],
    ["channel:slack:general", { level: "channel", within: "slack", name: "general", literal: false }],
    ["matrix:!abc:example.org", { level: "channel", within: "matrix", name: "!abc:example.org", literal: false }],
    ["category:discord:Team rooms", { level: "category", within: "discord", name: "Team rooms", literal: false }],
    ["space:i_0123:42", { level: "space", within: "i_0123", name: "42", literal: false }],
    ["channel:slack:id=C042", { level: "channel", within: "slack", name: "C042", literal: true }],
  ])("%s", (text, place) => {
    expect(parsePlace(text)).toEqual(place);
  });

  it.each(["", "general", ":general", "slack:", "channel:slack:", "organization:x", "channel:slack:id=", "a b:c"])(
    "%s is none",
    (text) => {
      expect(parsePlace(text)).toBeUndefined();
    },
  );
});

describe("subjects as people write them", () => {
  it.each([
    ["everyone", { subjectKind: "everyone", subject: "" }],
    ["class:guest", { subjectKind: "class", subject: "guest" }],
    ["role:auditor", { subjectKind: "role", subject: "auditor" }],
    ["person:@ada:example.org", { subjectKind: "person", subject: "@ada:example.org" }],
    ["agent:@helper", { subjectKind: "agent", subject: "helper" }],
  ])("%s", (text, subject) => {
    expect(parseSubject(text)).toEqual(subject);
  });

  it.each(["", "nobody", "class:king", "role:king", "person:", "agent:", "everyone:x", ":x"])("%s is none", (text) => {
    expect(parseSubject(text)).toBeUndefined();
  });
});

it.each<[string, unknown, string]>([
  ["an unknown action", { rules: [{ who: "everyone", actions: ["fly"], effect: "deny" }] }, "rules.0.actions.0"],
  ["no action", { rules: [{ who: "everyone", actions: [], effect: "deny" }] }, "rules.0.actions"],
  ["an unknown field", { rules: [{ who: "everyone", actions: ["post"], effect: "deny", on: "x" }] }, "rules.0"],
  ["an odd place", { rules: [{ at: "here", who: "everyone", actions: ["post"], effect: "deny" }] }, "rules.0.at"],
  ["NUL in a person", { roles: [{ person: "a\u0000b", role: "admin" }] }, "roles.0.person"],
  ["an unknown role", { roles: [{ person: "a", role: "king" }] }, "roles.0.role"],
  [
    "a channel policy of a space",
    { channels: [{ channel: "space:slack:T1", onNarrowerSource: "asker" }] },
    "channels.0.channel",
  ],
])("the configuration refuses %s with its path", (_name, config, path) => {
  const parsed = AccessConfig.safeParse(config);
  expect(parsed.error?.issues.map((issue) => issue.path.join("."))).toContain(path);
});
