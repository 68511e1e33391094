export interface AuthorizationConfig {
  /** What the first challenge asks for. */
  readonly endpoint?: { readonly scopes: readonly string[] } | undefined;
  /** Scope → the scopes it includes. */
  readonly hierarchy?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly roles?: Readonly<Record<string, RoleConfig>> | undefined;
  /** By `<server>/<pattern>`, where `*` in the pattern stands for any run of characters. */
  readonly tools?: Readonly<Record<string, RuleConfig>> | undefined;
  readonly resources?: Readonly<Record<string, RuleConfig>> | undefined;
  readonly prompts?: Readonly<Record<string, RuleConfig>> | undefined;
}

export interface RoleConfig {
  readonly inherits?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly permissions?: readonly string[] | undefined;
}

/** Everything declared must hold. */
export interface RuleConfig {
  readonly scopes?: RequirementConfig | undefined;
  readonly roles?: RequirementConfig | undefined;
  readonly permissions?: RequirementConfig | undefined;
  /** `public`: nobody has to sign in, unless another matching rule demands something or says `required`. */
  readonly access?: 'required' | 'public' | undefined;
}

/** A plain list means all of it. */
export type RequirementConfig =
  | readonly string[]
  | { readonly allOf?: readonly string[] | undefined; readonly anyOf?: readonly string[] | undefined };
