import { z } from "zod";

/**
 * What a token of the API may be good for.
 *
 * read: look at agents, messages and state. agents: add, remove and pause agents. access: invitations, rules, roles and tokens.
 * audit: read the audit log and explanations. operate: everything that makes Parley act, such as sending and replaying.
 * talk: speak with agents and in rooms by A2A as the person whom the token stands for, and as nobody else.
 */
export const API_SCOPES = ["read", "agents", "access", "audit", "operate", "talk"] as const;
export const ApiScope = z.enum(API_SCOPES);
export type ApiScope = z.infer<typeof ApiScope>;

/** Who calls the API, as far as rights go. */
export interface ApiPrincipal {
  /** operator, local, `person:` and a person's id, or `token:` and a token's id. */
  readonly id: string;
  readonly organizationId: string;
  readonly scopes: ReadonlySet<ApiScope>;
  /** The person of the web rooms whom a token that talks stands for. */
  readonly personId?: string;
}

/** A token without its secret. */
export interface ApiTokenView {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  /** Whom it stands for where it talks. */
  readonly personId?: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly rotatedAt?: string;
  /** To within five minutes. */
  readonly lastUsedAt?: string;
  readonly revokedAt?: string;
}

/** Making and taking back tokens; every change is in the audit log. */
export interface ApiTokenOperations {
  /** Those of the principal's organization, newest first, revoked ones included. */
  list(principal: ApiPrincipal): Promise<readonly ApiTokenView[]>;
  /**
   * The secret is in this answer and nowhere else. PERMISSION_DENIED for a scope that the principal does not have. `as` is the id or name of the
   * person whom a token that talks stands for; without one it can talk to nobody. NOT_FOUND for nobody of the organization.
   */
  create(
    principal: ApiPrincipal,
    token: {
      readonly name: string;
      readonly scopes: readonly ApiScope[];
      readonly expiresInDays?: number;
      readonly as?: string;
      /** Name of an external guest whom it stands for instead, made when there is none. CONFLICT: somebody of the organization has it. */
      readonly guest?: string;
    },
  ): Promise<{ readonly token: ApiTokenView; readonly secret: string }>;
  /** Gives it a new secret; the one before is refused from then on. PERMISSION_DENIED as `create`; NOT_FOUND when it is revoked. */
  rotate(principal: ApiPrincipal, id: string): Promise<{ readonly token: ApiTokenView; readonly secret: string }>;
  /** Ends it for good; repeating is NOT_FOUND. */
  revoke(principal: ApiPrincipal, id: string): Promise<void>;
  /** Whom a presented token stands for at this moment; undefined when it is unknown, revoked, rotated away or expired. */
  verify(presented: string): Promise<ApiPrincipal | undefined>;
}
