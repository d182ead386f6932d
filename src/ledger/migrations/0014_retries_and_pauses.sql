ALTER TABLE "agents" ADD COLUMN "status_reason" text;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "status_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "retries" integer DEFAULT 0 NOT NULL;