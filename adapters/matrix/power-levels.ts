import { asInteger, asRecord, type Raw } from "./raw.ts";

/** Room versions in which creators stand above every level. https://spec.matrix.org/v1.19/rooms/v12/ */
const CREATORS_ABOVE = new Set(["12", "org.matrix.hydra.11"]);

/** Who may do what in a room, as its state says now; with what the specification says where the state says nothing. */
export interface PowerLevels {
  readonly of: (userId: string) => number;
  readonly creators: ReadonlySet<string>;
  /** Level needed to send an event of that type. */
  readonly toSend: (type: string, isState: boolean) => number;
  readonly ban: number;
  readonly kick: number;
  readonly redact: number;
  readonly invite: number;
  /** Level needed for `@room`. */
  readonly notifyRoom: number;
}

/** Reads `m.room.create` and `m.room.power_levels`; hostile values count as absent. https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels */
export function readPowerLevels(create: Raw | undefined, levels: Raw | undefined): PowerLevels {
  const creators = creatorsOf(create);
  const above = CREATORS_ABOVE.has(versionOf(create));
  const users = asRecord(levels?.["users"]);
  const events = asRecord(levels?.["events"]);
  const level = (name: string, standard: number): number => asLevel(levels?.[name]) ?? standard;
  const usersDefault = level("users_default", 0);
  return {
    creators,
    of: (userId) => {
      if (creators.has(userId) && (above || levels === undefined)) return above ? Number.POSITIVE_INFINITY : 100;
      return (users !== undefined && Object.hasOwn(users, userId) ? asLevel(users[userId]) : undefined) ?? usersDefault;
    },
    toSend: (type, isState) => {
      const own = events !== undefined && Object.hasOwn(events, type) ? asLevel(events[type]) : undefined;
      return own ?? (isState ? level("state_default", levels === undefined ? 0 : 50) : level("events_default", 0));
    },
    ban: level("ban", 50),
    kick: level("kick", 50),
    redact: level("redact", 50),
    invite: level("invite", 0),
    notifyRoom: asLevel(asRecord(levels?.["notifications"])?.["room"]) ?? 50,
  };
}

/** The room's version; rooms that do not say are of the first. */
export function versionOf(create: Raw | undefined): string {
  const version = asRecord(create?.["content"])?.["room_version"];
  return typeof version === "string" ? version : "1";
}

/** The sender of the create event and, in version 12, those it names; never what is in its content's `creator`. */
function creatorsOf(create: Raw | undefined): ReadonlySet<string> {
  const creators = new Set<string>();
  const sender = create?.["sender"];
  if (typeof sender === "string") creators.add(sender);
  const additional = asRecord(create?.["content"])?.["additional_creators"];
  if (CREATORS_ABOVE.has(versionOf(create)) && Array.isArray(additional))
    for (const creator of additional) if (typeof creator === "string") creators.add(creator);
  return creators;
}

/** Before room version 10 a level could be a number in a string. */
function asLevel(value: unknown): number | undefined {
  if (typeof value === "string" && /^\s*[+-]?\d{1,15}\s*$/u.test(value)) return Number(value);
  return asInteger(value);
}
