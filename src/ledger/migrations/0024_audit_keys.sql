CREATE TABLE "audit_keys" (
	"id" serial PRIMARY KEY NOT NULL,
	"sealed" text NOT NULL,
	"fingerprint" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
-- No policy: whoever reads as an organization sees none of them.
ALTER TABLE "audit_keys" ENABLE ROW LEVEL SECURITY;
