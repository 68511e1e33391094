/** One fault of the toy server: which items of the judge must fail for it, and no others. */
interface Defect {
  readonly fails: readonly number[];
  readonly what: string;
}

export const DEFECTS = {
  'missing-403': { fails: [1, 2, 6, 11, 15], what: '403 where no credential was sent' },
  'no-challenge': { fails: [1], what: 'a bare 401 where no credential was sent' },
  'error-on-missing': { fails: [1], what: 'an error code where nothing was presented' },
  'relative-metadata': { fails: [1], what: 'a relative resource_metadata' },
  'no-scope': { fails: [1], what: 'a challenge that does not say what to ask for' },
  'basic-accepted': { fails: [1], what: 'any Basic credentials accepted' },

  'open-ping': { fails: [2], what: 'ping and prompts served to anybody' },
  'open-get': { fails: [2], what: 'the event stream served to anybody' },
  'open-delete': { fails: [2], what: 'sessions ended by anybody' },
  'personal-info': { fails: [2], what: 'an open document that depends on who asks' },
  'preflight-401': { fails: [2], what: 'a credential asked for in a CORS preflight' },
  'cors-hides-challenge': { fails: [2], what: 'WWW-Authenticate hidden from pages' },

  'opaque-accepted': { fails: [3, 11, 14, 15], what: 'tokens of an unknown form accepted' },
  'bare-scheme-crash': { fails: [3], what: 'a crash on a scheme without a token' },
  'lenient-expiry': { fails: [3, 16], what: 'expiry not looked at' },
  'revoked-accepted': { fails: [3], what: 'revocation not looked at' },
  'cache-without-signature': { fails: [3], what: 'a token cache whose key leaves the signature out' },
  'no-invalid-token': { fails: [3], what: 'bad tokens refused without saying so' },

  'any-audience': { fails: [4], what: 'the audience not looked at' },
  'audience-by-prefix': { fails: [4], what: 'the audience compared by prefix' },
  'alg-none': { fails: [4], what: 'unsigned tokens accepted' },
  'id-token-accepted': { fails: [4], what: 'ID tokens accepted' },

  'partner-trusted': { fails: [5], what: 'the issuer not looked at' },
  'key-from-token': { fails: [3, 5], what: 'the key taken from the token itself' },
  'issuer-not-announced': { fails: [5], what: 'metadata that names another authorization server' },

  'query-token': { fails: [6], what: 'a token accepted in the query' },
  'form-token': { fails: [6], what: 'a token accepted in a form' },
  'message-token': { fails: [6], what: 'a token accepted in the message' },
  'case-sensitive-scheme': { fails: [6], what: 'only `Bearer` with a capital letter' },
  'first-of-two': { fails: [6], what: 'the second Authorization header overlooked' },
  'key-beside-bearer': { fails: [6], what: 'two kinds of credential at once' },

  'scope-in-200': { fails: [7], what: 'too little scope reported inside a 200' },
  'scope-as-401': { fails: [7], what: 'too little scope reported as 401' },
  'scope-unnamed': { fails: [7], what: 'a 403 that does not say what to ask for' },
  'scope-already-held': { fails: [7], what: 'a 403 that asks for what the token has' },
  'scope-by-turns': { fails: [7], what: 'a 403 that asks for one scope after the other' },
  'scope-without-metadata': { fails: [7], what: 'a 403 that does not say whom to ask' },

  'malformed-500': { fails: [8], what: 'a crash on what is not JSON' },
  'malformed-200': { fails: [8], what: 'a JSON-RPC error inside a 200 for what is not JSON-RPC' },
  'any-version': { fails: [8], what: 'unknown protocol versions accepted' },
  'headers-unchecked': { fails: [8], what: 'mirrored headers not compared with the body' },

  'metadata-protected': { fails: [9], what: 'metadata behind the guard' },
  'metadata-absent': { fails: [9], what: 'a challenge that names metadata which is not there' },
  'metadata-from-host': { fails: [9], what: 'the resource taken from Host' },
  'metadata-from-forwarded': { fails: [9], what: 'the resource taken from X-Forwarded-Host' },
  'challenge-from-forwarded': { fails: [9], what: 'the challenge built from X-Forwarded-Host' },
  'metadata-without-servers': { fails: [9], what: 'no authorization server named' },
  'query-announced': { fails: [9], what: 'the query announced as a place for tokens' },
  'metadata-of-origin': { fails: [9], what: 'the origin given as the resource' },

  'offline-in-challenge': { fails: [10], what: 'offline_access in the challenge' },
  'offline-in-step-up': { fails: [10], what: 'offline_access in the challenge for more scope' },
  'offline-in-metadata': { fails: [10], what: 'offline_access in the metadata' },

  'tool-before-token': { fails: [11], what: 'unknown tools reported before the token is looked at' },
  'method-before-token': { fails: [11], what: 'unknown methods reported before the token is looked at' },
  'parse-before-token': { fails: [11], what: 'the body parsed before the token is looked at' },
  'session-before-token': { fails: [11], what: 'unknown sessions reported before the token is looked at' },
  'stack-in-refusal': { fails: [11], what: 'a stack trace in a refusal' },
  'tools-in-refusal': { fails: [11], what: 'the tools listed in a refusal' },

  'tool-returns-token': { fails: [12], what: 'a tool that is handed the token and returns it' },
  'list-holds-token': { fails: [12], what: 'the token in a list' },
  'error-quotes-token': { fails: [12], what: 'the token quoted in a refusal' },

  'any-origin': { fails: [13], what: 'Origin not looked at' },
  'origin-by-prefix': { fails: [13], what: 'Origin compared by prefix' },
  'any-host': { fails: [13], what: 'Host not looked at' },
  'cors-for-all': { fails: [13], what: 'CORS that lets every origin in' },

  'challenge-unescaped': { fails: [14], what: 'the query copied into the challenge' },
  'header-in-challenge': { fails: [14], what: 'a header copied into the challenge' },
  'message-in-challenge': { fails: [11, 14], what: 'the message copied into the challenge' },
  'name-crash': { fails: [14], what: 'a crash on a line break in a name' },
  'newline-crash': { fails: [14], what: 'a crash on a line break in the query' },
  'session-unbound': { fails: [14], what: 'a session open to every principal' },
  'session-403': { fails: [14], what: "another's session answered with 403" },
  'session-told': { fails: [14], what: "another's session answered unlike an unknown one" },

  'public-lists': { fails: [15], what: 'lists that every cache may share' },
  'hidden-listed': { fails: [15], what: 'hidden things listed' },
  'hidden-403': { fails: [15], what: 'hidden things answered with 403' },
  'hidden-completed': { fails: [15], what: 'hidden prompts completed' },
  'scoped-unlisted': { fails: [15], what: 'a tool not listed for want of a scope' },
  'batch-unchecked': { fails: [15], what: 'scopes not looked at in batches' },
  'batch-open': { fails: [15], what: 'batches served to anybody' },
  'name-header-decides': { fails: [8, 15], what: 'Mcp-Name believed instead of the body' },
  'open-listen': { fails: [15], what: 'subscriptions/listen served to anybody' },
  'listen-to-anything': { fails: [15], what: 'hidden resources subscribed to' },

  'listen-outlives-token': { fails: [16], what: 'a subscription that outlives its token' },
  'stream-outlives-token': { fails: [16], what: 'a session stream that outlives its token' },

  'dpop-unproved': { fails: [17], what: 'the DPoP scheme accepted without a proof' },
  'bound-as-bearer': { fails: [17], what: 'a bound token accepted without its proof' },
} as const satisfies Readonly<Record<string, Defect>>;

export type DefectName = keyof typeof DEFECTS;

/** Whether the server under construction has a defect. */
export type Has = (name: DefectName) => boolean;
