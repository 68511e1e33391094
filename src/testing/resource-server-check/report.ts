/** The protocol revisions that differ on the wire; each check runs in every one the server speaks. */
export type Era = '2025-11-25' | '2026-07-28';

/** The last revision with sessions and an `initialize` handshake. */
export const LEGACY = '2025-11-25' satisfies Era;
/** The first revision without them. */
export const MODERN = '2026-07-28' satisfies Era;
/** Oldest first. */
export const ERAS: readonly Era[] = [LEGACY, MODERN];

/** How strongly the standard asks for it; `judgement` is asked by no standard but by prudence. */
export type Level = 'MUST' | 'SHOULD' | 'judgement';

/** `not-applicable` says that nothing could be seen, never that all is well. */
export type Verdict = 'passed' | 'failed' | 'not-applicable';

/** One thing sent and what came back. Evidence holds no token and only printable ASCII. */
export interface CheckResult {
  readonly name: string;
  readonly level: Level;
  /** Absent when the check does not depend on the protocol revision. */
  readonly era?: Era;
  readonly verdict: Verdict;
  readonly evidence: string;
}

/** One row of the resource-server contract. Failed if one of its checks failed. */
export interface ItemReport {
  /** 1 to 17. */
  readonly id: number;
  readonly title: string;
  /** The page or RFC section that asks for it. */
  readonly section: string;
  readonly level: Level;
  readonly verdict: Verdict;
  readonly evidence: string;
  readonly checks: readonly CheckResult[];
}

/** What the judge found. Holds no token. */
export interface CheckReport {
  readonly url: string;
  /** Revisions in which the server was seen to answer; empty when no credential opened it. */
  readonly eras: readonly Era[];
  /** Ordered by id. */
  readonly items: readonly ItemReport[];
  /** What was given but could not be used, so that less was seen than was asked for. */
  readonly problems: readonly string[];
  readonly summary: { readonly passed: number; readonly failed: number; readonly notApplicable: number };
}
