/** What the servers behind the gate are to act with. */
export const UPSTREAM_TOKEN = 'upstream-of-the-examiner';

/** A server behind the gate acts with its user's upstream token, or not at all. */
export function checkUpstreamToken(accessToken: string): void {
  if (accessToken !== UPSTREAM_TOKEN) throw new Error('Not the upstream token of the examiner');
}
