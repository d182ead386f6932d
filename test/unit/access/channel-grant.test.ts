import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideChannelGrant, matchesChannel } from "../../../src/access/channel-grant.ts";

const facts = {
  agentChannels: ["*"],
  channelId: "C1",
  channelName: "general",
  channelKind: "public",
  archived: false,
  agentHandle: "guide",
  channelAgents: undefined,
  identityInChannel: true,
  invited: false,
} as const;

describe("decideChannelGrant", () => {
  it.each([
    ["agent_in_channel", {}],
    ["channel_archived", { archived: true }],
    ["identity_not_in_channel", { identityInChannel: false }],
    ["agent_not_in_channel", { agentChannels: ["random"] }],
    ["agent_not_in_channel", { agentChannels: [] }],
    ["agent_not_in_channel", { agentChannels: ["general"], channelName: undefined }],
    ["agent_in_channel", { agentChannels: [], channelKind: "direct" as const }],
    ["agent_invited", { agentChannels: [], invited: true }],
    ["agent_not_in_channel", { channelKind: "direct" as const, channelAgents: [], invited: true }],
    ["channel_archived", { archived: true, invited: true }],
    ["agent_in_channel", { channelKind: "direct" as const, channelAgents: ["guide"] }],
    ["agent_not_in_channel", { channelKind: "direct" as const, channelAgents: ["assistant"] }],
    ["agent_not_in_channel", { channelKind: "direct" as const, channelAgents: [] }],
  ])("decides %s", (rule, change) => {
    expect(decideChannelGrant({ ...facts, ...change })).toEqual({
      member: rule === "agent_in_channel" || rule === "agent_invited",
      rule,
    });
  });

  it("never grants in an archived channel or without the identity, whatever else holds", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string()),
        fc.string(),
        fc.constantFrom("public", "private", "direct", "group_direct"),
        fc.boolean(),
        (agentChannels, channelName, channelKind, archived) => {
          const grant = decideChannelGrant({
            ...facts,
            agentChannels,
            channelName,
            channelKind,
            archived,
            identityInChannel: archived,
          });
          expect(grant.member).toBe(false);
        },
      ),
    );
  });
});

describe("matchesChannel", () => {
  it.each([
    ["general", "general", true],
    ["#general", "general", true],
    ["GENERAL", "general", true],
    ["team-*", "team-red", true],
    ["team-*", "steam-red", false],
    ["*-red", "team-red", true],
    ["a*b*c", "a1b2c", true],
    ["a*b*c", "acb", false],
    ["ab*ba", "aba", false],
    ["C1", "other", true],
  ])("%s on %s is %s", (pattern, channelName, expected) => {
    expect(matchesChannel(pattern, { channelId: "C1", channelName })).toBe(expected);
  });

  it("agrees with the regular expression that a pattern stands for", () => {
    const piece = fc.stringMatching(/^[ab*]{0,6}$/);
    fc.assert(
      fc.property(piece, fc.stringMatching(/^[ab]{1,8}$/), (pattern, channelName) => {
        const expected = new RegExp(`^${pattern.split("*").join(".*")}$`).test(channelName);
        expect(matchesChannel(pattern, { channelId: "C1", channelName })).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
