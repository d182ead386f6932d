DROP INDEX "turns_one_active";--> statement-breakpoint
DROP INDEX "turns_open_trigger";--> statement-breakpoint
DROP INDEX "turns_root";--> statement-breakpoint
DROP INDEX "events_open";--> statement-breakpoint
DROP INDEX "events_pending";--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "decisions" jsonb;--> statement-breakpoint
UPDATE "events" e SET decisions = d.decisions FROM (
  SELECT event_id, jsonb_build_array(jsonb_build_object('at', min(decided_at), 'agents',
    jsonb_agg(jsonb_build_object('agent', agent_id, 'verdict', verdict, 'rule', rule, 'turn', turn_id, 'detail', detail) ORDER BY decided_at))) AS decisions
  FROM "decisions" GROUP BY event_id
) d WHERE d.event_id = e.id;--> statement-breakpoint
DROP TABLE "decisions";--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "is_pending" boolean GENERATED ALWAYS AS (state = 'pending') STORED;--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "is_active" boolean GENERATED ALWAYS AS (state in ('running', 'waiting', 'delivering')) STORED;--> statement-breakpoint
CREATE INDEX "events_pending" ON "events" USING btree ("conversation_id","platform_order") WHERE is_pending;--> statement-breakpoint
CREATE UNIQUE INDEX "turns_one_active" ON "turns" USING btree ("reply_conversation_id","agent_id") WHERE is_active;--> statement-breakpoint
CREATE INDEX "turns_open_trigger" ON "turns" USING btree ("conversation_id") WHERE finished_at is null and conversation_id <> reply_conversation_id;--> statement-breakpoint
CREATE INDEX "turns_root" ON "turns" USING btree ("root_event_id") WHERE trigger_actor is not null;--> statement-breakpoint
ALTER TABLE "conversations" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "events" SET (fillfactor = 80);--> statement-breakpoint
ALTER TABLE "turns" SET (fillfactor = 70);
