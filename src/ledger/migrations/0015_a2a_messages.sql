CREATE TABLE "a2a_messages" (
	"token_id" text NOT NULL,
	"message_id" text NOT NULL,
	"organization_id" text NOT NULL,
	"task_id" text NOT NULL,
	"post_id" text,
	"seq" bigint,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "a2a_messages_token_id_message_id_pk" PRIMARY KEY("token_id","message_id")
);
--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "person_id" text;--> statement-breakpoint
ALTER TABLE "a2a_tasks" ADD COLUMN "push_due_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "a2a_tasks" ADD COLUMN "push_attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "a2a_messages_task" ON "a2a_messages" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "a2a_tasks_push_due" ON "a2a_tasks" USING btree ("push_due_at") WHERE push_due_at is not null;--> statement-breakpoint
ALTER TABLE "a2a_messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY parley_organization ON "a2a_messages"
  USING (organization_id = (SELECT current_setting('parley.organization', true)))
  WITH CHECK (organization_id = (SELECT current_setting('parley.organization', true)));
