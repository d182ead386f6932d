ALTER TABLE "channels" ADD COLUMN "roster_open" boolean;--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "roster_complete" boolean;--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "presence_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "places" ADD COLUMN "roster_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "places" ADD COLUMN "roster_open" boolean;--> statement-breakpoint
ALTER TABLE "places" ADD COLUMN "roster_complete" boolean;