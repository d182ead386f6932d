import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { type AcpRoom, openAcpRoom } from "../../support/acp-agent/room.ts";

/** The example agent that the protocol's own SDK came with until 1.9, as the registry has it: another version of the SDK than Parley's. */
const EXAMPLE = fileURLToPath(new URL("../../../node_modules/acp-examples/dist/examples/agent.js", import.meta.url));
let room: AcpRoom | undefined;

afterEach(() => room?.close());

it.each(["in_parley", "at_a_runner"] as const)(
  "the example agent of the protocol's makers works in a room, %s: its tools, its question to people, both answers",
  { timeout: 180_000 },
  async (where) => {
    room = await openAcpRoom(where, EXAMPLE);
    const runner = where === "at_a_runner" ? await room.startRunner() : undefined;
    const first = await room.ask("improve the project");
    const open = await room.asked(first);
    expect(JSON.stringify(open.parts)).toContain("Modifying critical configuration file");
    expect((await room.said(first)).map(({ text }) => text).join("\n")).toContain("I'll help you with that.");
    await room.decide(open, "Allow this change");
    await room.shows(first, /successfully updated the configuration/u);

    const second = await room.ask("and again");
    await room.decide(await room.asked(second), "Skip this change");
    await room.shows(second, /prefer not to make that change/u);
    expect(await runner?.stop()).toBe(runner === undefined ? undefined : 0);
  },
);
