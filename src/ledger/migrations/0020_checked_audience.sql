ALTER TABLE "turn_sources" ADD COLUMN "checked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "turn_sources" ADD COLUMN "checked_readers" text;