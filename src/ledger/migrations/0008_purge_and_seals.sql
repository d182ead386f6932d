ALTER TABLE "events" ADD COLUMN "purged_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "events_to_purge" ON "events" USING btree ("id") WHERE kind = 'message_deleted' and purged_at is null;--> statement-breakpoint
CREATE INDEX "events_of_message" ON "events" USING btree ("installation_id",(envelope #>> '{body,messageId}')) WHERE kind = 'message_edited';--> statement-breakpoint
CREATE INDEX "dead_letters_raw" ON "dead_letters" USING btree ("organization_id") WHERE raw is not null;--> statement-breakpoint
CREATE INDEX "deliveries_without_turn" ON "deliveries" USING btree ("message_id") WHERE turn_id is null and message_id is not null;--> statement-breakpoint
CREATE INDEX "audit_seals_at" ON "audit_seals" USING btree ("organization_id","at");