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
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"removed_at" timestamp with time zone
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
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
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
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
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
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "memberships_installation_id_channel_id_member_id_pk" PRIMARY KEY("installation_id","channel_id","member_id")
);
--> statement-breakpoint
CREATE TABLE "organizations" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "people" (
	"installation_id" text NOT NULL,
	"person_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text,
	"avatar_url" text,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "people_installation_id_person_id_pk" PRIMARY KEY("installation_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"id" text PRIMARY KEY NOT NULL,
	"roles" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"heartbeat_at" timestamp with time zone DEFAULT now() NOT NULL
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
	"due_at" timestamp with time zone,
	"outbox_due_at" timestamp with time zone,
	"rings" bigint DEFAULT 0 NOT NULL,
	"lease_owner" text,
	"lease_epoch" bigint DEFAULT 0 NOT NULL,
	"lease_until" timestamp with time zone,
	"routed_order" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
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
	"decided_at" timestamp with time zone DEFAULT now() NOT NULL,
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
	"not_before" timestamp with time zone DEFAULT now() NOT NULL,
	"occurred_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
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
	"occurred_at" timestamp with time zone NOT NULL,
	"deleted_at" timestamp with time zone,
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
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"resolved_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "deferred_replies" (
	"turn_id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"reply" jsonb NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL
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
	"not_before" timestamp with time zone DEFAULT now() NOT NULL,
	"first_attempt_at" timestamp with time zone,
	"message_id" text,
	"code" text,
	"reason" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp with time zone
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
	"at" timestamp with time zone DEFAULT now() NOT NULL
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
	"not_before" timestamp with time zone DEFAULT now() NOT NULL,
	"deadline_at" timestamp with time zone,
	"cancel_requested" text,
	"hop_count" integer DEFAULT 0 NOT NULL,
	"root_event_id" text NOT NULL,
	"trigger_actor" text,
	"outcome" text DEFAULT 'answered' NOT NULL,
	"reply" jsonb,
	"follow_up" jsonb,
	"usage" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"replied_at" timestamp with time zone,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "web_agent_status" (
	"room_id" text NOT NULL,
	"thread_root_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"identity" jsonb NOT NULL,
	"line" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "web_agent_status_room_id_thread_root_id_agent_id_pk" PRIMARY KEY("room_id","thread_root_id","agent_id")
);
--> statement-breakpoint
CREATE TABLE "web_answers" (
	"post_id" text NOT NULL,
	"action_id" text NOT NULL,
	"person_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"value" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "web_answers_post_id_action_id_person_id_pk" PRIMARY KEY("post_id","action_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "web_events" (
	"room_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"organization_id" text NOT NULL,
	"kind" text NOT NULL,
	"body" jsonb NOT NULL,
	"thread_root_id" text,
	"revision" integer DEFAULT 0 NOT NULL,
	"person_id" text,
	"client_key" text,
	"trace_id" text NOT NULL,
	"occurred_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ingested_at" timestamp with time zone,
	CONSTRAINT "web_events_room_id_seq_pk" PRIMARY KEY("room_id","seq")
);
--> statement-breakpoint
CREATE TABLE "web_people" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"active" boolean DEFAULT true NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "web_posts" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"room_id" text NOT NULL,
	"thread_root_id" text,
	"seq" bigint NOT NULL,
	"change_seq" bigint NOT NULL,
	"author_kind" text NOT NULL,
	"author_id" text NOT NULL,
	"author" jsonb,
	"text" text NOT NULL,
	"content" jsonb,
	"parts" jsonb,
	"state" text DEFAULT 'final' NOT NULL,
	"visible_to" text,
	"command" boolean DEFAULT false NOT NULL,
	"client_message_id" text,
	"idempotency_key" text,
	"mentions" jsonb NOT NULL,
	"reply_count" integer DEFAULT 0 NOT NULL,
	"last_reply_at" timestamp with time zone,
	"revision" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"edited_at" timestamp with time zone,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "web_presence" (
	"process_id" text NOT NULL,
	"person_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "web_presence_process_id_person_id_pk" PRIMARY KEY("process_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "web_reactions" (
	"post_id" text NOT NULL,
	"reaction" text NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "web_reactions_post_id_reaction_actor_kind_actor_id_pk" PRIMARY KEY("post_id","reaction","actor_kind","actor_id")
);
--> statement-breakpoint
CREATE TABLE "web_read_marks" (
	"room_id" text NOT NULL,
	"person_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "web_read_marks_room_id_person_id_pk" PRIMARY KEY("room_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "web_room_members" (
	"room_id" text NOT NULL,
	"person_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"joined_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "web_room_members_room_id_person_id_pk" PRIMARY KEY("room_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "web_rooms" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"topic" text DEFAULT '' NOT NULL,
	"is_default" boolean DEFAULT false NOT NULL,
	"direct_key" text,
	"agent_id" text,
	"agent_handle" text,
	"created_by" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"last_seq" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "web_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"person_id" text NOT NULL,
	"token_hash" text NOT NULL,
	"user_agent" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "web_sign_in_links" (
	"code_hash" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"person_id" text,
	"person_name" text NOT NULL,
	"role" text NOT NULL,
	"reuse_name" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "web_uploads" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"room_id" text NOT NULL,
	"post_id" text,
	"person_id" text,
	"name" text NOT NULL,
	"media_type" text NOT NULL,
	"kind" text NOT NULL,
	"size_bytes" integer NOT NULL,
	"stored_name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
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
CREATE INDEX "turns_pair" ON "turns" USING btree ("trigger_actor","agent_id","created_at") WHERE trigger_actor is not null;--> statement-breakpoint
CREATE INDEX "web_events_pending" ON "web_events" USING btree ("room_id","seq") WHERE ingested_at is null;--> statement-breakpoint
CREATE INDEX "web_events_ingested" ON "web_events" USING btree ("ingested_at") WHERE ingested_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "web_events_client" ON "web_events" USING btree ("organization_id","person_id","client_key") WHERE client_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "web_people_name" ON "web_people" USING btree ("organization_id",lower(name));--> statement-breakpoint
CREATE UNIQUE INDEX "web_posts_client" ON "web_posts" USING btree ("organization_id","author_id","client_message_id") WHERE client_message_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "web_posts_idempotency" ON "web_posts" USING btree ("organization_id","idempotency_key") WHERE idempotency_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "web_posts_seq" ON "web_posts" USING btree ("room_id","seq");--> statement-breakpoint
CREATE INDEX "web_posts_change" ON "web_posts" USING btree ("room_id","change_seq");--> statement-breakpoint
CREATE INDEX "web_posts_thread" ON "web_posts" USING btree ("thread_root_id","seq") WHERE thread_root_id is not null;--> statement-breakpoint
CREATE INDEX "web_presence_person" ON "web_presence" USING btree ("person_id");--> statement-breakpoint
CREATE INDEX "web_room_members_person" ON "web_room_members" USING btree ("organization_id","person_id");--> statement-breakpoint
CREATE UNIQUE INDEX "web_rooms_name" ON "web_rooms" USING btree ("organization_id",lower(name)) WHERE kind <> 'direct' and archived_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "web_rooms_direct" ON "web_rooms" USING btree ("organization_id","direct_key") WHERE direct_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "web_rooms_default" ON "web_rooms" USING btree ("organization_id") WHERE is_default;--> statement-breakpoint
CREATE UNIQUE INDEX "web_sessions_token" ON "web_sessions" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "web_sessions_person" ON "web_sessions" USING btree ("organization_id","person_id");--> statement-breakpoint
CREATE INDEX "web_uploads_post" ON "web_uploads" USING btree ("post_id") WHERE post_id is not null;--> statement-breakpoint
CREATE INDEX "web_uploads_unused" ON "web_uploads" USING btree ("created_at") WHERE post_id is null;