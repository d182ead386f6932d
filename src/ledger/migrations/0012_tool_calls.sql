CREATE TABLE "command_results" (
	"agent_id" text NOT NULL,
	"session_key" text NOT NULL,
	"turn_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"asker_id" text,
	"value" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "command_results_agent_id_session_key_turn_id_pk" PRIMARY KEY("agent_id","session_key","turn_id")
);
--> statement-breakpoint
CREATE TABLE "tool_calls" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"turn_id" text NOT NULL,
	"tool" text NOT NULL,
	"input" text NOT NULL,
	"result" text,
	"taken_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "turn_writes" (
	"turn_id" text NOT NULL,
	"key" text NOT NULL,
	"organization_id" text NOT NULL,
	"ordinal" integer NOT NULL,
	"tool" text NOT NULL,
	"result" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "turn_writes_turn_id_key_pk" PRIMARY KEY("turn_id","key")
);
--> statement-breakpoint
CREATE INDEX "tool_calls_turn" ON "tool_calls" USING btree ("turn_id");--> statement-breakpoint
CREATE INDEX "tool_calls_age" ON "tool_calls" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "turn_writes_ordinal" ON "turn_writes" USING btree ("turn_id","ordinal");--> statement-breakpoint
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['turn_writes', 'tool_calls', 'command_results']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY parley_organization ON %I '
      'USING (organization_id = (SELECT current_setting(''parley.organization'', true))) '
      'WITH CHECK (organization_id = (SELECT current_setting(''parley.organization'', true)))', name);
  END LOOP;
END
$$;
