CREATE TABLE "adapter_leases" (
	"installation_id" text NOT NULL,
	"name" text NOT NULL,
	"organization_id" text NOT NULL,
	"owner" text,
	"epoch" bigint NOT NULL,
	"until" timestamp with time zone NOT NULL,
	CONSTRAINT "adapter_leases_installation_id_name_pk" PRIMARY KEY("installation_id","name")
);
--> statement-breakpoint
CREATE TABLE "adapter_state" (
	"installation_id" text NOT NULL,
	"key" text NOT NULL,
	"organization_id" text NOT NULL,
	"value" "bytea" NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "adapter_state_installation_id_key_pk" PRIMARY KEY("installation_id","key")
);
