-- The second wall between organizations: a role that is not the owner of the tables sees and writes the rows of one organization alone,
-- the one its transaction has named, and none without a name. The owner is not bound; the pipeline works across organizations.
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND a.attname = 'organization_id' AND NOT a.attisdropped
    ORDER BY c.relname
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY parley_organization ON %I '
      'USING (organization_id = (SELECT current_setting(''parley.organization'', true))) '
      'WITH CHECK (organization_id = (SELECT current_setting(''parley.organization'', true)))', name);
  END LOOP;
END
$$;
--> statement-breakpoint
ALTER TABLE "organizations" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY parley_organization ON "organizations"
  USING (id = (SELECT current_setting('parley.organization', true)))
  WITH CHECK (id = (SELECT current_setting('parley.organization', true)));
