import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant, organizationId } from "./columns.ts";

export const organizations = pgTable("organizations", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  /** active or stopped; nothing of a stopped organization runs or is sent. */
  status: text("status").notNull().default("active"),
  statusReason: text("status_reason"),
  createdAt: createdAt(),
});

/** One connected platform tenant; `secrets` is AES-256-GCM ciphertext. */
export const installations = pgTable(
  "installations",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    platform: text("platform").notNull(),
    externalId: text("external_id").notNull(),
    name: text("name").notNull(),
    status: text("status").notNull().default("active"),
    statusReason: text("status_reason"),
    settings: jsonb("settings").notNull().default({}),
    secrets: text("secrets"),
    createdAt: createdAt(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [uniqueIndex("installations_external").on(table.organizationId, table.platform, table.externalId)],
);

/** A registered agent; `definition` holds no secret, `secrets` is ciphertext. */
export const agents = pgTable(
  "agents",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    handle: text("handle").notNull(),
    definition: jsonb("definition").notNull(),
    secrets: text("secrets"),
    color: text("color").notNull(),
    source: text("source").notNull(),
    status: text("status").notNull().default("active"),
    revision: integer("revision").notNull().default(1),
    /** Since when no call of it has succeeded; null while it can be reached. */
    failingSince: instant("failing_since"),
    /** Why it was paused, where Parley did that itself. */
    statusReason: text("status_reason"),
    statusSince: instant("status_since"),
    createdAt: createdAt(),
    removedAt: instant("removed_at"),
  },
  (table) => [uniqueIndex("agents_handle").on(table.organizationId, table.handle)],
);

export const channels = pgTable(
  "channels",
  {
    installationId: text("installation_id").notNull(),
    channelId: text("channel_id").notNull(),
    organizationId: organizationId(),
    kind: text("kind").notNull(),
    name: text("name"),
    external: boolean("external").notNull().default(false),
    archived: boolean("archived").notNull().default(false),
    spaceId: text("space_id"),
    categoryId: text("category_id"),
    /** When the whole list of its members was last fetched; null: never, so who is not known to be in it is unknown. */
    rosterAt: instant("roster_at"),
    /** As of then: every full member of the installation can read it unlisted; and nobody else can. */
    rosterOpen: boolean("roster_open"),
    rosterComplete: boolean("roster_complete"),
    /** When the platform was last asked whether the installation's identity is in it. */
    presenceAt: instant("presence_at"),
    /** Whether the installation's own identity is in it; null when the platform has not said. */
    selfMember: boolean("self_member"),
    /** Counts up with every leave, archive and return, so that old work is told from new. */
    membershipEpoch: integer("membership_epoch").notNull().default(0),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.installationId, table.channelId] })],
);

export const people = pgTable(
  "people",
  {
    installationId: text("installation_id").notNull(),
    personId: text("person_id").notNull(),
    organizationId: organizationId(),
    kind: text("kind").notNull(),
    name: text("name"),
    avatarUrl: text("avatar_url"),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.installationId, table.personId] })],
);

/** The mirror of who is in a channel, with where it is known from and how new it is. */
export const memberships = pgTable(
  "memberships",
  {
    installationId: text("installation_id").notNull(),
    channelId: text("channel_id").notNull(),
    memberId: text("member_id").notNull(),
    organizationId: organizationId(),
    state: text("state").notNull(),
    /** member, admin, guest, external, agent or bot; unknown where only an event told of them that did not say. */
    memberClass: text("member_class").notNull().default("member"),
    source: text("source").notNull(),
    /** The platform order of the event that set it; an older event changes nothing. */
    version: text("version").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.installationId, table.channelId, table.memberId] }),
    index("memberships_member").on(table.installationId, table.memberId),
  ],
);

/** A process that works on the ledger; a lease is alive as long as its owner's heartbeat. */
export const workers = pgTable("workers", {
  id: text("id").primaryKey(),
  roles: text("roles").notNull(),
  startedAt: instant("started_at").notNull().defaultNow(),
  heartbeatAt: instant("heartbeat_at").notNull().defaultNow(),
});
