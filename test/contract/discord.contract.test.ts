import { describe, expect, it } from "vitest";
import { createDiscordAdapter } from "../../adapters/discord/index.ts";
import { discordHarness } from "./adapter-suite/rigs/discord-rig.ts";
import { checksFor, describeAdapterContract, runCheck } from "./adapter-suite/suite.ts";

describeAdapterContract(discordHarness({ create: createDiscordAdapter }));

/** What depends on whether the gateway replays what was missed, or the history has to be read. */
const RESTARTS: readonly string[] = ["AD-ID-01", "AD-LIFE-05", "AD-LIFE-06"];

describe("without its gateway session, Discord's adapter keeps", () => {
  const harness = discordHarness({ create: createDiscordAdapter, sessions: "lost" });
  for (const check of checksFor(harness).filter((one) => RESTARTS.includes(one.id)))
    it(`${check.id} ${check.title}`, { timeout: 60_000, concurrent: true }, () =>
      expect(runCheck(check, harness)).resolves.toBeUndefined(),
    );
});
