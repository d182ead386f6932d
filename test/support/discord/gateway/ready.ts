import type { Core } from "../core.ts";
import { INTENTS } from "../model/bits.ts";
import type { Application, Wire } from "../model/records.ts";
import { applicationWire, guildCreateWire, userWire } from "../model/wire.ts";
import type { Session } from "./session.ts";

/** What a session begins with: READY with its guilds as yet unavailable, then each of them. */
export function readyPayload(
  core: Core,
  application: Application,
  session: Session,
  resumeUrl: string,
): { type: string; data: Wire }[] {
  const guilds = core.world.guildsOf(application.botUserId).filter((guild) => session.covers(guild.id));
  const ready = {
    v: 10,
    user_settings: {},
    user: { ...userWire(core.user(application.botUserId)), verified: true, mfa_enabled: true, email: null },
    session_type: "normal",
    session_id: session.id,
    resume_gateway_url: resumeUrl,
    relationships: [],
    private_channels: [],
    presences: [],
    guilds: guilds.map((guild) => ({ id: guild.id, unavailable: true })),
    guild_join_requests: [],
    geo_ordered_rtc_regions: [],
    shard: session.shard,
    application: { id: application.id, flags: applicationWire(core, application)["flags"] },
    _trace: ["stand-in"],
  };
  if (!session.wants(INTENTS.GUILDS)) return [{ type: "READY", data: ready }];
  const allMembers = session.wants(INTENTS.GUILD_MEMBERS);
  return [
    { type: "READY", data: ready },
    ...guilds
      .filter((guild) => guild.available)
      .map((guild) => ({ type: "GUILD_CREATE", data: guildCreateWire(core, guild, session.botUserId, allMembers) })),
  ];
}
