import { describe, expect, test } from "vitest";
import { parseMessageReference } from "../../../src/pipeline/operations/message-reference.ts";

describe("parseMessageReference", () => {
  test.each([
    [
      "https://acme.slack.com/archives/C0AAA/p1763740800123456",
      { platform: "slack", channelId: "C0AAA", id: "1763740800.123456" },
    ],
    [
      "https://acme.enterprise.slack.com/archives/C0AAA/p1763740800123456?thread_ts=1763740700.000100&cid=C0AAA",
      { platform: "slack", channelId: "C0AAA", id: "1763740800.123456" },
    ],
    [
      "<https://acme.slack.com/archives/D0AAA/p1763740800123456|the message>",
      { platform: "slack", channelId: "D0AAA", id: "1763740800.123456" },
    ],
    [
      "https://app.slack.com/client/T0AAA/C0AAA/thread/C0AAA-1763740800.123456",
      { platform: "slack", channelId: "C0AAA", id: "1763740800.123456" },
    ],
    ["https://discord.com/channels/11/22/33", { platform: "discord", channelId: "22", id: "33" }],
    ["https://ptb.discord.com/channels/@me/22/33", { platform: "discord", channelId: "22", id: "33" }],
    ["https://discordapp.com/channels/11/22/33/", { platform: "discord", channelId: "22", id: "33" }],
    [
      "https://matrix.to/#/!room:example.org/$event?via=example.org",
      { platform: "matrix", channelId: "!room:example.org", id: "$event" },
    ],
    [
      "https://matrix.to/#/!room%3Aexample.org/%24event%3Aexample.org",
      { platform: "matrix", channelId: "!room:example.org", id: "$event:example.org" },
    ],
    ["https://matrix.to/#/%23general:example.org/$event", { platform: "matrix", id: "$event" }],
    [
      "matrix:roomid/room:example.org/e/event?via=example.org",
      { platform: "matrix", channelId: "!room:example.org", id: "$event" },
    ],
    ["matrix:r/general:example.org/e/event", { platform: "matrix", id: "$event" }],
  ])("%s", (text, reference) => {
    expect(parseMessageReference(text)).toEqual(reference);
  });

  test.each([
    "e_0mi8x1a2b1234567890abcdef1234",
    "1763740800.123456",
    "$event:example.org",
    "https://acme.slack.com/archives/C0AAA",
    "https://acme.slack.com.example.org/archives/C0AAA/p1763740800123456",
    "https://discord.com/channels/11/22",
    "https://matrix.to/#/!room:example.org",
    "https://matrix.to/#/%E0%A4%A",
    "http://",
    "",
  ])("takes %j for an id", (text) => {
    expect(parseMessageReference(text)).toEqual({ id: text });
  });

  test("spaces around it do not matter", () => {
    expect(parseMessageReference("  e_1 \n")).toEqual({ id: "e_1" });
  });
});
