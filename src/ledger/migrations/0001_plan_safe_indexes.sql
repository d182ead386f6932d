DROP INDEX "turns_open";--> statement-breakpoint
DROP INDEX "turns_open_trigger";--> statement-breakpoint
DROP INDEX "turns_owner";--> statement-breakpoint
CREATE INDEX "turns_open" ON "turns" USING btree ("reply_conversation_id") WHERE finished_at is null and reply_conversation_id is not null;--> statement-breakpoint
CREATE INDEX "turns_open_trigger" ON "turns" USING btree ("conversation_id") WHERE finished_at is null and conversation_id is not null;--> statement-breakpoint
CREATE INDEX "turns_owner" ON "turns" USING btree ("owner") WHERE finished_at is null and owner is not null;