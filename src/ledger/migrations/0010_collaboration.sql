CREATE TABLE "a2a_tasks" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"token_id" text NOT NULL,
	"context_id" text NOT NULL,
	"message_id" text NOT NULL,
	"room_id" text NOT NULL,
	"post_id" text,
	"agent_id" text,
	"state" text NOT NULL,
	"push" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "agent_connections" (
	"agent_id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"process_id" text NOT NULL,
	"connection_id" text NOT NULL,
	"capabilities" jsonb NOT NULL,
	"connected_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "agent_sessions" (
	"agent_id" text NOT NULL,
	"session_key" text NOT NULL,
	"organization_id" text NOT NULL,
	"value" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "agent_sessions_agent_id_session_key_pk" PRIMARY KEY("agent_id","session_key")
);
--> statement-breakpoint
CREATE TABLE "agent_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"token_hash" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"turn_id" text NOT NULL,
	"conversation_id" text NOT NULL,
	"action_id" text NOT NULL,
	"kind" text NOT NULL,
	"part" jsonb,
	"binding" text NOT NULL,
	"live" boolean NOT NULL,
	"asker_id" text,
	"state" text DEFAULT 'open' NOT NULL,
	"state_reason" text,
	"option_id" text,
	"effect" text,
	"fields" jsonb,
	"decided_by" text,
	"decided_by_name" text,
	"decided_event" text,
	"decided_at" timestamp with time zone,
	"expires_at" timestamp with time zone NOT NULL,
	"shown_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"conversation_id" text NOT NULL,
	"turn_id" text,
	"requested_by" text NOT NULL,
	"requested_by_name" text NOT NULL,
	"task" text NOT NULL,
	"every_ms" bigint,
	"due_at" timestamp with time zone NOT NULL,
	"state" text DEFAULT 'active' NOT NULL,
	"state_reason" text,
	"firings" integer DEFAULT 0 NOT NULL,
	"last_fired_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shared_documents" (
	"conversation_id" text NOT NULL,
	"name" text NOT NULL,
	"organization_id" text NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"value" jsonb NOT NULL,
	"updated_by" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "shared_documents_conversation_id_name_pk" PRIMARY KEY("conversation_id","name")
);
--> statement-breakpoint
CREATE TABLE "usage_totals" (
	"organization_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"day" date NOT NULL,
	"scope" text NOT NULL,
	"subject" text DEFAULT '' NOT NULL,
	"turns" integer DEFAULT 0 NOT NULL,
	"input_tokens" bigint DEFAULT 0 NOT NULL,
	"output_tokens" bigint DEFAULT 0 NOT NULL,
	"cost_micro_usd" bigint DEFAULT 0 NOT NULL,
	"told_at" timestamp with time zone,
	CONSTRAINT "usage_totals_agent_id_day_scope_subject_pk" PRIMARY KEY("agent_id","day","scope","subject")
);
--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "failing_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "taken_over_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "taken_over_by" text;--> statement-breakpoint
CREATE UNIQUE INDEX "a2a_tasks_message" ON "a2a_tasks" USING btree ("token_id","message_id");--> statement-breakpoint
CREATE INDEX "a2a_tasks_context" ON "a2a_tasks" USING btree ("token_id","context_id");--> statement-breakpoint
CREATE INDEX "a2a_tasks_post" ON "a2a_tasks" USING btree ("post_id");--> statement-breakpoint
CREATE UNIQUE INDEX "agent_tokens_hash" ON "agent_tokens" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "agent_tokens_agent" ON "agent_tokens" USING btree ("agent_id") WHERE revoked_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "requests_action" ON "requests" USING btree ("turn_id","action_id");--> statement-breakpoint
CREATE INDEX "requests_open" ON "requests" USING btree ("expires_at") WHERE state = 'open';--> statement-breakpoint
CREATE INDEX "requests_unshown" ON "requests" USING btree ("decided_at") WHERE state <> 'open' and shown_at is null;--> statement-breakpoint
CREATE INDEX "requests_conversation" ON "requests" USING btree ("conversation_id");--> statement-breakpoint
CREATE INDEX "schedules_due" ON "schedules" USING btree ("due_at") WHERE state = 'active';--> statement-breakpoint
CREATE INDEX "schedules_agent" ON "schedules" USING btree ("agent_id") WHERE state = 'active';--> statement-breakpoint
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['requests', 'agent_sessions', 'agent_tokens', 'agent_connections', 'schedules', 'usage_totals', 'shared_documents', 'a2a_tasks']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY parley_organization ON %I '
      'USING (organization_id = (SELECT current_setting(''parley.organization'', true))) '
      'WITH CHECK (organization_id = (SELECT current_setting(''parley.organization'', true)))', name);
  END LOOP;
END
$$;
