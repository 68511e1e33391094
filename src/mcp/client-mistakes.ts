/** How the SDK begins to report what a client sent wrong. It has answered that in the protocol's own way. */
const MISTAKES: readonly string[] = [
  'Bad Request: ',
  'Conflict: ',
  'Discarded a JSON-RPC response ',
  'Discarded a notification ',
  'Dropped inbound ',
  'Era mismatch on inbound ',
  'Invalid event ID format',
  'Invalid Request: ',
  'Method not allowed.',
  'Not Acceptable: ',
  'Parse error: ',
  'Received a progress notification for an unknown token',
  'Received a response for an unknown ',
  'Rejected 2025-era request ',
  'Rejected inbound request ',
  'requestState verification rejected ',
  'Session not found',
  'subscriptions/listen refused: ',
  'Unsupported Media Type: ',
];

/** How the SDK says that a client is gone. */
const DEPARTURES: readonly string[] = [
  'Not connected',
  'No connection established for request ID',
  'Response for request ID ',
];
const DEPARTURE_CODES: ReadonlySet<unknown> = new Set(['NOT_CONNECTED', 'CONNECTION_CLOSED', 'SEND_FAILED']);
const INTERNAL_ERROR = -32603;

/**
 * Whether an error is a client's own doing, which is no concern of the operator: what it sent wrong and was told of,
 * or that it is gone. What the SDK answers as an error of JSON-RPC is the client's, unless it is internal.
 */
export function isClientMistake(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { message, name } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  if (DEPARTURE_CODES.has(code) || name === 'AbortError') return true;
  if (name === 'ProtocolError') return code !== INTERNAL_ERROR;
  return [...MISTAKES, ...DEPARTURES].some((beginning) => message.startsWith(beginning));
}

/** Passes on what the operator should know. */
export function withoutClientMistakes(onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    if (!isClientMistake(error)) onError(error);
  };
}
