import { type Answer, findBearerChallenge } from './asking.ts';
import { findHeader, type HeaderList, headerValues } from './exchange.ts';
import { type Finding, failed, type Item, notApplicable, passed } from './item.ts';
import { findMetadataReason, NO_METADATA } from './metadata-expectation.ts';
import { type Era, LEGACY, MODERN } from './report.ts';
import { type Subject, sessionHeaders } from './subject.ts';
import { describe, expectBearer, expectStatus, judgeAll, type Trial } from './trial.ts';

const EVENT_STREAM: HeaderList = [['Accept', 'text/event-stream']];

const challengeItem: Item = {
  id: 1,
  title: 'A request without a credential is answered with a challenge',
  section: 'MCP basic/authorization "Error Handling", "Scope Selection Strategy"; RFC 9728 §5.1',
  level: 'MUST',
  checks: [
    {
      name: 'refused with 401',
      essential: true,
      run: (subject, era) => judgeAll(subject, [challengeTrial(subject, era)], expectStatus(401)),
    },
    {
      name: 'one well-formed Bearer challenge',
      run: (subject, era) => judgeAll(subject, [challengeTrial(subject, era)], expectBearer),
    },
    {
      name: 'resource_metadata is an absolute URL',
      level: 'SHOULD',
      run: async (subject, era) => {
        if ((await findMetadataReason(subject)) === undefined) return notApplicable(NO_METADATA);
        return judgeAll(subject, [challengeTrial(subject, era)], expectMetadataUrl);
      },
    },
    { name: 'scope says what to ask for', level: 'SHOULD', run: checkScope },
    {
      name: 'no error where nothing was presented',
      level: 'SHOULD',
      run: (subject, era) =>
        judgeAll(subject, [challengeTrial(subject, era)], (answer) =>
          // RFC 6750 §3.1: without authentication information, no error code.
          findBearerChallenge(answer)?.params.has('error') === true ? 'no error parameter' : undefined,
        ),
    },
    {
      name: 'another scheme is no credential',
      run: (subject, era) => {
        const headers: HeaderList = [['Authorization', 'Basic Z2F0ZWhvdXNlOmNoZWNr']];
        const send = (): Promise<Answer> => subject.ask({ era, call: { method: 'tools/list' }, headers });
        return judgeAll(subject, [{ what: 'tools/list with Basic credentials', send }], expectStatus(401));
      },
    },
  ],
};

function challengeTrial(subject: Subject, era: Era): Trial {
  return { what: 'a request without a credential', send: () => subject.challenged(era) };
}

function expectMetadataUrl(answer: Answer): string | undefined {
  const url = findBearerChallenge(answer)?.params.get('resource_metadata');
  const isAbsolute = url !== undefined && URL.canParse(url) && /^https?:\/\//i.test(url);
  return isAbsolute ? undefined : 'resource_metadata with an absolute URL';
}

async function checkScope(subject: Subject, era: Era): Promise<Finding> {
  const answer = await subject.challenged(era);
  const scope = findBearerChallenge(answer)?.params.get('scope');
  if (scope !== undefined) return passed(`The challenge names the scope ${subject.ledger.quote(scope)}.`);
  const supported = (await subject.metadata()).document?.scopes_supported;
  if (!Array.isArray(supported) || supported.length === 0) {
    return notApplicable('Neither the challenge nor the metadata names any scope.');
  }
  return failed('The metadata lists scopes_supported, but the challenge names no scope.');
}

const methodsItem: Item = {
  id: 2,
  title: 'Every method needs a credential',
  section: 'MCP basic/authorization "Token Requirements"; Fetch Standard "CORS protocol"',
  level: 'MUST',
  checks: [
    { name: 'every JSON-RPC method over POST', essential: true, run: checkPosts },
    {
      name: 'GET of an event stream',
      eras: 'once',
      run: (subject) => checkMethod(subject, { method: 'GET', headers: EVENT_STREAM }),
    },
    {
      name: 'DELETE',
      eras: 'once',
      run: (subject) => checkMethod(subject, { method: 'DELETE', headers: [] }),
    },
    {
      name: 'GET and DELETE of a session that exists',
      eras: [LEGACY],
      needs: ['token'],
      run: checkSessionMethods,
    },
    { name: 'a plain GET is at most a static document', eras: 'once', run: checkStaticDocument },
    { name: 'a CORS preflight needs none', level: 'judgement', eras: 'once', run: checkPreflight },
    { name: 'CORS exposes WWW-Authenticate', level: 'judgement', eras: 'once', run: checkExposed },
  ],
};

const POSTED: Readonly<Record<Era, readonly string[]>> = {
  [LEGACY]: ['initialize', 'ping', 'tools/list', 'tools/call', 'resources/list', 'prompts/list'],
  [MODERN]: ['server/discover', 'tools/list', 'tools/call', 'resources/list', 'prompts/list'],
};

function checkPosts(subject: Subject, era: Era): Promise<Finding> {
  const trials = POSTED[era].map((method): Trial => {
    const params = method === 'tools/call' ? { name: 'gatehouse_check', arguments: {} } : {};
    return { what: method, send: () => subject.ask({ era, call: { method, params } }) };
  });
  const call = { method: 'notifications/initialized', isNotification: true };
  const notification = { what: 'a notification', send: () => subject.ask({ era, call }) };
  return judgeAll(subject, [...trials, notification], expectStatus(401));
}

async function checkMethod(
  subject: Subject,
  asked: { readonly method: string; readonly headers: HeaderList },
): Promise<Finding> {
  const answer = await subject.plain({ ...asked, isEnough: () => true });
  const what = `${asked.method} without a credential`;
  if (answer.status !== 405)
    return judgeAll(subject, [{ what, send: async () => answer }], expectStatus(401));
  const { token } = subject.options.tokens;
  if (token === undefined) {
    return notApplicable(`${what} got 405: the method seems not to be offered; needs the option token.`);
  }
  // A method that nobody is offered protects nothing.
  const honest = await subject.plain({ ...asked, token, isEnough: () => true });
  if (honest.status === 405)
    return passed(`${what} got 405, and so did one with the token: it is not offered.`);
  return failed(`${what} got 405 but with the token ${honest.status}: expected 401 without it.`);
}

async function checkSessionMethods(subject: Subject): Promise<Finding> {
  const session = await subject.openSession(subject.options.tokens.token ?? '');
  if (session?.id === undefined) return notApplicable('The server keeps no protocol sessions.');
  const headers = sessionHeaders(session);
  const isEnough = (): boolean => true;
  return judgeAll(
    subject,
    [
      {
        what: 'GET of its event stream without a credential',
        send: () => subject.plain({ method: 'GET', headers: [...headers, ...EVENT_STREAM], isEnough }),
      },
      {
        what: 'DELETE of it without a credential',
        send: () => subject.plain({ method: 'DELETE', headers }),
      },
    ],
    expectStatus(401),
  );
}

async function checkStaticDocument(subject: Subject): Promise<Finding> {
  const headers: HeaderList = [['Accept', 'application/json']];
  const answer = await subject.plain({ method: 'GET', headers });
  const came = describe(subject, answer);
  if (answer.status >= 300) return passed(`Sent GET for application/json; got ${came}.`);
  const type = findHeader(answer.response.headers, 'content-type') ?? '';
  if (type.startsWith('text/event-stream') || answer.messages.some(({ result }) => result !== undefined)) {
    return failed(`Sent GET for application/json without a credential; got ${came} of type ${type}.`);
  }
  const { token } = subject.options.tokens;
  if (token === undefined) return notApplicable('A document came; needs the option token to compare it.');
  const signedIn = await subject.plain({ method: 'GET', headers, token });
  return signedIn.response.body === answer.response.body
    ? passed('Sent GET with and without a credential; got the same document.')
    : failed('Sent GET with and without a credential; got different documents, so the first is not static.');
}

function preflight(subject: Subject): Promise<Answer> {
  return subject.plain({
    method: 'OPTIONS',
    headers: [
      ['Origin', subject.options.origin],
      ['Access-Control-Request-Method', 'POST'],
      ['Access-Control-Request-Headers', 'authorization,content-type,mcp-protocol-version'],
    ],
  });
}

function checkPreflight(subject: Subject): Promise<Finding> {
  return judgeAll(subject, [{ what: 'a CORS preflight', send: () => preflight(subject) }], ({ status }) =>
    // A browser sends no credential with it, so asking for one shuts every page out.
    status === 401 || status >= 500 ? 'an answer that asks for no credential' : undefined,
  );
}

async function checkExposed(subject: Subject, era: Era): Promise<Finding> {
  const allowed = findHeader((await preflight(subject)).response.headers, 'access-control-allow-origin');
  if (allowed === undefined) {
    return notApplicable(
      `CORS is off for ${subject.ledger.quote(subject.options.origin)}; see the option origin.`,
    );
  }
  const headers: HeaderList = [['Origin', subject.options.origin]];
  const answer = await subject.ask({ era, call: { method: 'tools/list' }, headers });
  const exposed = headerValues(answer.response.headers, 'access-control-expose-headers')
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase());
  return exposed.includes('www-authenticate') || exposed.includes('*')
    ? passed('The refusal exposes WWW-Authenticate to the page.')
    : failed('The refusal to an allowed origin does not expose WWW-Authenticate, so a page cannot read it.');
}

const offlineItem: Item = {
  id: 10,
  title: 'offline_access is not asked for',
  section: 'MCP 2026-07-28 basic/authorization "Refresh Tokens"',
  level: 'SHOULD',
  checks: [
    {
      name: 'not in the challenge',
      run: async (subject, era) => judgeScopes(await subject.challenged(era), 'without a credential'),
    },
    {
      name: 'not in the challenge for more scope',
      needs: ['limitedToken', 'scopedTool'],
      run: async (subject, era) => judgeScopes(await subject.denied(era), 'for more scope'),
    },
    {
      name: 'not in scopes_supported',
      eras: 'once',
      run: async (subject) => {
        const { document } = await subject.metadata();
        if (document === undefined) return notApplicable(NO_METADATA);
        const supported = document.scopes_supported;
        return Array.isArray(supported) && supported.includes('offline_access')
          ? failed('scopes_supported lists offline_access.')
          : passed('scopes_supported does not list offline_access.');
      },
    },
  ],
};

function judgeScopes(answer: Answer, which: string): Finding {
  const challenge = findBearerChallenge(answer);
  if (challenge === undefined) return notApplicable(`The refusal ${which} carries no Bearer challenge.`);
  const scopes = challenge.params.get('scope')?.split(' ') ?? [];
  return scopes.includes('offline_access')
    ? failed(`The challenge ${which} asks for offline_access.`)
    : passed(`The challenge ${which} does not ask for offline_access.`);
}

/** What a caller without a credential meets: items 1, 2 and 10. */
export const CHALLENGE_ITEMS: readonly Item[] = [challengeItem, methodsItem, offlineItem];
