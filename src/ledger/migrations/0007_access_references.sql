CREATE TABLE "access_references" (
	"organization_id" text NOT NULL,
	"reference" text NOT NULL,
	"level" text NOT NULL,
	"installation_id" text NOT NULL,
	"place_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "access_references_organization_id_reference_pk" PRIMARY KEY("organization_id","reference")
);
--> statement-breakpoint
ALTER TABLE "access_references" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY parley_organization ON "access_references"
  USING (organization_id = (SELECT current_setting('parley.organization', true)))
  WITH CHECK (organization_id = (SELECT current_setting('parley.organization', true)));
