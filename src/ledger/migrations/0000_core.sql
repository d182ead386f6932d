CREATE TABLE "agents" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"handle" text NOT NULL,
	"definition" jsonb NOT NULL,
	"secrets" text,
	"color" text NOT NULL,
	"source" text NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"removed_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "channels" (
	"installation_id" text NOT NULL,
	"channel_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text,
	"external" boolean DEFAULT false NOT NULL,
	"archived" boolean DEFAULT false NOT NULL,
	"self_member" boolean,
	"membership_epoch" integer DEFAULT 0 NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "channels_installation_id_channel_id_pk" PRIMARY KEY("installation_id","channel_id")
);
--> statement-breakpoint
CREATE TABLE "installations" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"platform" text NOT NULL,
	"external_id" text NOT NULL,
	"name" text NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"status_reason" text,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"secrets" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"installation_id" text NOT NULL,
	"channel_id" text NOT NULL,
	"member_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"state" text NOT NULL,
	"source" text NOT NULL,
	"version" text NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "memberships_installation_id_channel_id_member_id_pk" PRIMARY KEY("installation_id","channel_id","member_id")
);
--> statement-breakpoint
CREATE TABLE "organizations" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "people" (
	"installation_id" text NOT NULL,
	"person_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text,
	"avatar_url" text,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "people_installation_id_person_id_pk" PRIMARY KEY("installation_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"id" text PRIMARY KEY NOT NULL,
	"roles" text NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"heartbeat_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "conversations" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"installation_id" text NOT NULL,
	"platform" text NOT NULL,
	"channel_id" text NOT NULL,
	"thread_id" text,
	"path" jsonb NOT NULL,
	"due_at" timestamp (3) with time zone,
	"outbox_due_at" timestamp (3) with time zone,
	"rings" bigint DEFAULT 0 NOT NULL,
	"lease_owner" text,
	"lease_epoch" bigint DEFAULT 0 NOT NULL,
	"lease_until" timestamp (3) with time zone,
	"routed_order" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "decisions" (
	"event_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"verdict" text NOT NULL,
	"rule" text NOT NULL,
	"turn_id" text,
	"detail" jsonb,
	"decided_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "decisions_event_id_agent_id_pk" PRIMARY KEY("event_id","agent_id")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"installation_id" text NOT NULL,
	"conversation_id" text NOT NULL,
	"kind" text NOT NULL,
	"dedupe_key" text NOT NULL,
	"platform_order" text NOT NULL,
	"envelope" jsonb NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"state_reason" text,
	"open_turns" integer DEFAULT 0 NOT NULL,
	"steered_turn_id" text,
	"not_before" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"installation_id" text NOT NULL,
	"channel_id" text NOT NULL,
	"message_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"conversation_id" text NOT NULL,
	"event_id" text,
	"turn_id" text,
	"agent_id" text,
	"sender" jsonb NOT NULL,
	"content" jsonb NOT NULL,
	"text" text NOT NULL,
	"platform_order" text NOT NULL,
	"revision" bigint DEFAULT 0 NOT NULL,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "messages_installation_id_channel_id_message_id_pk" PRIMARY KEY("installation_id","channel_id","message_id")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"stage" text NOT NULL,
	"code" text NOT NULL,
	"reason" text NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"dedupe_key" text NOT NULL,
	"event_id" text,
	"turn_id" text,
	"delivery_id" text,
	"conversation_id" text,
	"raw" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"resolved_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "deferred_replies" (
	"turn_id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"reply" jsonb NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" text PRIMARY KEY NOT NULL,
	"sequence" bigserial NOT NULL,
	"organization_id" text NOT NULL,
	"turn_id" text,
	"agent_id" text NOT NULL,
	"conversation_id" text NOT NULL,
	"ordinal" integer NOT NULL,
	"body" jsonb NOT NULL,
	"fallback_text" text NOT NULL,
	"idempotency_key" text NOT NULL,
	"asker_id" text,
	"preview" boolean DEFAULT false NOT NULL,
	"final" boolean DEFAULT true NOT NULL,
	"state" text NOT NULL,
	"owner" text,
	"epoch" integer DEFAULT 1 NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"absences" integer DEFAULT 0 NOT NULL,
	"not_before" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"first_attempt_at" timestamp (3) with time zone,
	"message_id" text,
	"code" text,
	"reason" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "journal" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"event_id" text,
	"turn_id" text,
	"verb" text NOT NULL,
	"outcome" text NOT NULL,
	"rule" text NOT NULL,
	"detail" jsonb,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "turns" (
	"id" text PRIMARY KEY NOT NULL,
	"order_no" bigserial NOT NULL,
	"organization_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"conversation_id" text NOT NULL,
	"reply_conversation_id" text NOT NULL,
	"event_id" text NOT NULL,
	"trigger_message_id" text,
	"asker_id" text,
	"reason" text NOT NULL,
	"state" text NOT NULL,
	"state_reason" text,
	"epoch" integer DEFAULT 1 NOT NULL,
	"owner" text,
	"attempt" integer DEFAULT 1 NOT NULL,
	"restarts" integer DEFAULT 0 NOT NULL,
	"not_before" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deadline_at" timestamp (3) with time zone,
	"cancel_requested" text,
	"hop_count" integer DEFAULT 0 NOT NULL,
	"root_event_id" text NOT NULL,
	"trigger_actor" text,
	"outcome" text DEFAULT 'answered' NOT NULL,
	"reply" jsonb,
	"follow_up" jsonb,
	"usage" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"replied_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE UNIQUE INDEX "agents_handle" ON "agents" USING btree ("organization_id","handle");--> statement-breakpoint
CREATE UNIQUE INDEX "installations_external" ON "installations" USING btree ("organization_id","platform","external_id");--> statement-breakpoint
CREATE INDEX "memberships_member" ON "memberships" USING btree ("installation_id","member_id");--> statement-breakpoint
CREATE INDEX "conversations_due" ON "conversations" USING btree ("due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "conversations_outbox_due" ON "conversations" USING btree ("outbox_due_at") WHERE outbox_due_at is not null;--> statement-breakpoint
CREATE INDEX "conversations_channel" ON "conversations" USING btree ("installation_id","channel_id");--> statement-breakpoint
CREATE UNIQUE INDEX "events_dedupe" ON "events" USING btree ("installation_id","dedupe_key");--> statement-breakpoint
CREATE INDEX "events_pending" ON "events" USING btree ("conversation_id","platform_order") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "events_open" ON "events" USING btree ("received_at") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "events_steering" ON "events" USING btree ("steered_turn_id") WHERE steered_turn_id is not null;--> statement-breakpoint
CREATE INDEX "messages_conversation" ON "messages" USING btree ("conversation_id","platform_order");--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_dedupe" ON "dead_letters" USING btree ("dedupe_key");--> statement-breakpoint
CREATE INDEX "dead_letters_open" ON "dead_letters" USING btree ("organization_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_idempotency" ON "deliveries" USING btree ("idempotency_key");--> statement-breakpoint
CREATE INDEX "deliveries_open" ON "deliveries" USING btree ("conversation_id","sequence") WHERE state in ('pending', 'sending', 'open', 'unknown');--> statement-breakpoint
CREATE INDEX "deliveries_due" ON "deliveries" USING btree ("not_before") WHERE state in ('pending', 'sending', 'unknown');--> statement-breakpoint
CREATE INDEX "deliveries_turn" ON "deliveries" USING btree ("turn_id");--> statement-breakpoint
CREATE INDEX "journal_event" ON "journal" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "journal_turn" ON "journal" USING btree ("turn_id");--> statement-breakpoint
CREATE UNIQUE INDEX "turns_one_active" ON "turns" USING btree ("reply_conversation_id","agent_id") WHERE state in ('running', 'waiting', 'delivering');--> statement-breakpoint
CREATE UNIQUE INDEX "turns_event_agent" ON "turns" USING btree ("event_id","agent_id");--> statement-breakpoint
CREATE INDEX "turns_open" ON "turns" USING btree ("reply_conversation_id") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "turns_open_trigger" ON "turns" USING btree ("conversation_id") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "turns_owner" ON "turns" USING btree ("owner") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "turns_participants" ON "turns" USING btree ("reply_conversation_id","agent_id");--> statement-breakpoint
CREATE INDEX "turns_root" ON "turns" USING btree ("root_event_id");--> statement-breakpoint
CREATE INDEX "turns_pair" ON "turns" USING btree ("trigger_actor","agent_id","created_at") WHERE trigger_actor is not null;