DROP INDEX "requests_action";--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "request_id" text;--> statement-breakpoint
CREATE UNIQUE INDEX "requests_action" ON "requests" USING btree ("turn_id","action_id","binding");