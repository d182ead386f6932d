import { text, timestamp } from "drizzle-orm/pg-core";

/** The tenant; every row carries it. */
export const organizationId = () => text("organization_id").notNull();
export const instant = (name: string) => timestamp(name, { withTimezone: true });
export const createdAt = () => instant("created_at").notNull().defaultNow();
