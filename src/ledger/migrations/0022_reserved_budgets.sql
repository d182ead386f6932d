ALTER TABLE "turns" ADD COLUMN "reserved" jsonb;--> statement-breakpoint
ALTER TABLE "usage_totals" ADD COLUMN "max_tokens" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_totals" ADD COLUMN "max_cost_micro_usd" bigint DEFAULT 0 NOT NULL;