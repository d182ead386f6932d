/** What an agent will do later, and for whom. */
export interface ScheduleView {
  readonly id: string;
  /** Handle of the agent. */
  readonly agent: string;
  readonly conversationId: string;
  readonly requestedBy: string;
  readonly requestedByName: string;
  readonly task: string;
  /** In ms; absent for once. */
  readonly everyMs?: number;
  /** ISO 8601. */
  readonly dueAt: string;
  readonly firings: number;
}

export interface TaskRequest {
  readonly organizationId: string;
  /** Handle of the agent. */
  readonly agent: string;
  /** As in `SendRequest.to`. */
  readonly conversation: string;
  readonly task: string;
  /** Whose rights it has: the person of the web rooms whom the caller stands for. */
  readonly personId: string;
  /** Who calls. */
  readonly by: string;
  readonly idempotencyKey?: string;
}

/** What agents do without a message: at certain times, and on a task from outside. */
export interface ScheduleOperations {
  /** Active ones, the next one first. NOT_FOUND for an agent that there is not. */
  list(organizationId: string, of: { readonly agent?: string }): Promise<readonly ScheduleView[]>;
  /** Ends one. NOT_FOUND when it is not active. */
  cancel(organizationId: string, id: string, by: string): Promise<void>;
  /**
   * Asks an agent that may speak first to do something in a conversation, with the rights of a person who is in it.
   *
   * The event can be explained like a message. Errors: NOT_FOUND, PERMISSION_DENIED with the rule.
   */
  ask(request: TaskRequest): Promise<{ readonly eventId: string }>;
}
