DROP INDEX "deliveries_idempotency";--> statement-breakpoint
DROP INDEX "deliveries_due";--> statement-breakpoint
DROP INDEX "deliveries_turn";--> statement-breakpoint
DROP INDEX "turns_owner";--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_of_turn" ON "deliveries" USING btree ("turn_id","idempotency_key") WHERE turn_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_without_turn_once" ON "deliveries" USING btree ("idempotency_key") WHERE turn_id is null;--> statement-breakpoint
ALTER TABLE "events" SET (fillfactor = 60);--> statement-breakpoint
ALTER TABLE "turns" SET (fillfactor = 50);
