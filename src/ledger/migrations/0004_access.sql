CREATE TABLE "access_rules" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"level" text NOT NULL,
	"installation_id" text DEFAULT '' NOT NULL,
	"place_id" text DEFAULT '' NOT NULL,
	"subject_kind" text NOT NULL,
	"subject" text DEFAULT '' NOT NULL,
	"action" text NOT NULL,
	"effect" text NOT NULL,
	"source" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "agent_invitations" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"installation_id" text NOT NULL,
	"channel_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"inviter_kind" text NOT NULL,
	"inviter_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	"ended_reason" text
);
--> statement-breakpoint
CREATE TABLE "api_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"name" text NOT NULL,
	"token_hash" text NOT NULL,
	"scopes" jsonb NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "channel_policies" (
	"installation_id" text NOT NULL,
	"channel_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"on_narrower_source" text DEFAULT 'withhold' NOT NULL,
	"source" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "channel_policies_installation_id_channel_id_pk" PRIMARY KEY("installation_id","channel_id")
);
--> statement-breakpoint
CREATE TABLE "places" (
	"installation_id" text NOT NULL,
	"place_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"level" text NOT NULL,
	"parent_id" text,
	"name" text,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "places_installation_id_place_id_pk" PRIMARY KEY("installation_id","place_id")
);
--> statement-breakpoint
CREATE TABLE "role_assignments" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"level" text NOT NULL,
	"installation_id" text DEFAULT '' NOT NULL,
	"place_id" text DEFAULT '' NOT NULL,
	"person_id" text NOT NULL,
	"role" text NOT NULL,
	"source" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "turn_sources" (
	"turn_id" text NOT NULL,
	"installation_id" text NOT NULL,
	"channel_id" text NOT NULL,
	"thread_id" text DEFAULT '' NOT NULL,
	"organization_id" text NOT NULL,
	"message_ids" jsonb NOT NULL,
	"read_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "turn_sources_turn_id_installation_id_channel_id_thread_id_pk" PRIMARY KEY("turn_id","installation_id","channel_id","thread_id")
);
--> statement-breakpoint
CREATE TABLE "withheld_replies" (
	"turn_id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"conversation_id" text NOT NULL,
	"asker_id" text,
	"policy" text NOT NULL,
	"sources" jsonb NOT NULL,
	"reply" jsonb,
	"state" text DEFAULT 'open' NOT NULL,
	"decided_by" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"decided_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"id" bigserial NOT NULL,
	"xact" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"organization_id" text NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"entries" text NOT NULL,
	CONSTRAINT "audit_log_organization_id_xact_id_pk" PRIMARY KEY("organization_id","xact","id")
);
--> statement-breakpoint
CREATE TABLE "audit_seals" (
	"organization_id" text NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_xact" "xid8" NOT NULL,
	"last_id" bigint NOT NULL,
	"digests" jsonb NOT NULL,
	"previous" text NOT NULL,
	"seal" text NOT NULL,
	CONSTRAINT "audit_seals_organization_id_number_pk" PRIMARY KEY("organization_id","number")
);
--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "space_id" text;--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "category_id" text;--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "roster_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "member_class" text DEFAULT 'member' NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "status" text DEFAULT 'active' NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "status_reason" text;--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "access_epoch" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "web_people" ADD COLUMN "oidc_issuer" text;--> statement-breakpoint
ALTER TABLE "web_people" ADD COLUMN "oidc_subject" text;--> statement-breakpoint
CREATE INDEX "access_rules_organization" ON "access_rules" USING btree ("organization_id");--> statement-breakpoint
CREATE UNIQUE INDEX "agent_invitations_open" ON "agent_invitations" USING btree ("installation_id","channel_id","agent_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "agent_invitations_organization" ON "agent_invitations" USING btree ("organization_id");--> statement-breakpoint
CREATE UNIQUE INDEX "api_tokens_hash" ON "api_tokens" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "api_tokens_organization" ON "api_tokens" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "role_assignments_organization" ON "role_assignments" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "withheld_replies_open" ON "withheld_replies" USING btree ("organization_id","created_at") WHERE state = 'open';--> statement-breakpoint
CREATE UNIQUE INDEX "web_people_oidc" ON "web_people" USING btree ("organization_id","oidc_issuer","oidc_subject") WHERE oidc_subject is not null;--> statement-breakpoint
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('parley.audit_pruning', true) = 'on' THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;--> statement-breakpoint
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON "audit_log" FOR EACH ROW EXECUTE FUNCTION audit_append_only();--> statement-breakpoint
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON "audit_log" FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();--> statement-breakpoint
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON "audit_seals" FOR EACH ROW EXECUTE FUNCTION audit_append_only();--> statement-breakpoint
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON "audit_seals" FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
