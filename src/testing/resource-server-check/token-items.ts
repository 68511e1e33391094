import type { Answer } from './asking.ts';
import { type Finding, failed, type Item, type Need, notApplicable, passed, unusable } from './item.ts';
import { toProbe } from './messages.ts';
import type { SingleTokenName } from './options.ts';
import type { Era } from './report.ts';
import type { Subject } from './subject.ts';
import {
  createRogueIssuer,
  findAudiences,
  findExpiry,
  findJwt,
  randomToken,
  tamper,
  unsignedCopies,
  withClaims,
} from './tokens.ts';
import { expectInvalidToken, expectStatus, judgeAll, type Scene, type Trial } from './trial.ts';

function presenting({ subject, era }: Scene, what: string, token: string): Trial {
  return { what, send: () => subject.presented(era, token) };
}

const expect401 = expectStatus(401);
const MADE_UP = randomToken();

const invalidItem: Item = {
  id: 3,
  title: 'An invalid token is refused as such',
  section: 'MCP basic/authorization "Token Handling"; RFC 6750 §3.1',
  level: 'MUST',
  checks: [
    {
      name: 'an unknown token',
      run: (subject, era) =>
        judgeAll(subject, [presenting({ subject, era }, 'a token made up on the spot', MADE_UP)], expect401),
    },
    {
      name: 'a damaged token',
      needs: ['token'],
      essential: true,
      run: (subject, era) => judgeAll(subject, damaged(subject, era), expect401),
    },
    {
      name: 'a token signed by another key in the name of the issuer',
      needs: ['token'],
      run: checkForged,
    },
    { name: 'an expired token', needs: ['expiredToken'], run: checkExpired },
    {
      name: 'a revoked token',
      needs: ['revokedToken'],
      run: (subject, era) => {
        const token = subject.options.tokens.revokedToken ?? '';
        if (isExpired(token)) return wornOut(subject, 'revokedToken');
        return judgeAll(subject, [presenting({ subject, era }, 'a revoked token', token)], expect401);
      },
    },
    {
      name: 'an Authorization header without a token',
      run: (subject, era) =>
        judgeAll(
          subject,
          ['Bearer', 'Bearer a b'].map((value) => ({
            what: `Authorization: ${value}`,
            send: () => subject.ask({ era, call: toProbe(era), headers: [['Authorization', value]] }),
          })),
          expectStatus(400, 401),
        ),
    },
    {
      name: 'the refusal says invalid_token',
      level: 'SHOULD',
      run: (subject, era) => {
        const unknown = presenting({ subject, era }, 'a token made up on the spot', MADE_UP);
        return judgeAll(subject, [unknown, ...damaged(subject, era)], expectInvalidToken);
      },
    },
  ],
};

function damaged(subject: Subject, era: Era): readonly Trial[] {
  const { token } = subject.options.tokens;
  if (token === undefined) return [];
  const promoted = withClaims(token, { sub: 'gatehouse-check', scope: 'admin' });
  return [
    presenting({ subject, era }, 'the token without its end', token.slice(0, -Math.ceil(token.length / 8))),
    presenting({ subject, era }, 'the token with a bit of its signature turned', tamper(token)),
    ...(promoted === undefined
      ? []
      : [presenting({ subject, era }, 'the token with other claims under its signature', promoted)]),
  ];
}

async function checkForged(subject: Subject, era: Era): Promise<Finding> {
  const token = subject.options.tokens.token ?? '';
  const jwt = findJwt(token);
  if (jwt === undefined) return notApplicable('The token is opaque: there is no signature to forge.');
  const rogue = createRogueIssuer(token, subject.options.resource.href);
  const { kid } = jwt.header;
  const forged = [
    presenting(
      { subject, era },
      'a copy signed by another key, with the kid of the first',
      rogue.sign({}, { kid }),
    ),
    // RFC 7515 §4.1.3, RFC 8725 §3.10: a key that comes with the token vouches for nothing.
    presenting({ subject, era }, 'a copy that brings its own jwk', rogue.sign({}, { jwk: rogue.publicJwk })),
  ];
  return judgeAll(subject, forged, expect401);
}

async function checkExpired(subject: Subject, era: Era): Promise<Finding> {
  const token = subject.options.tokens.expiredToken ?? '';
  const expiry = findExpiry(token);
  if (expiry !== undefined && expiry > Date.now() / 1000) {
    return unusable(subject, 'The expiredToken given has not expired yet.');
  }
  return judgeAll(subject, [presenting({ subject, era }, 'an expired token', token)], expect401);
}

function isExpired(token: string): boolean {
  return (findExpiry(token) ?? Infinity) <= Date.now() / 1000;
}

/** An expired token is refused whatever else is wrong with it. */
async function wornOut(subject: Subject, name: Need): Promise<Finding> {
  return unusable(subject, `The ${name} given has expired, so its refusal would prove nothing.`);
}

const audienceItem: Item = {
  id: 4,
  title: 'A token meant for another is refused',
  section: 'MCP basic/authorization "Token Handling"; RFC 8707 §2; RFC 9068 §4; RFC 8725 §3.1',
  level: 'MUST',
  checks: [
    { name: 'another audience', needs: ['foreignAudienceToken'], essential: true, run: checkAudience },
    {
      name: 'an ID token',
      needs: ['idToken'],
      run: (subject, era) => checkGiven({ subject, era }, 'idToken', 'an ID token'),
    },
    {
      name: 'a token without a signature',
      needs: ['token'],
      run: async (subject, era) => {
        const copies = unsignedCopies(subject.options.tokens.token ?? '');
        if (copies.length === 0)
          return notApplicable('The token is opaque: it has no signature to leave out.');
        const trials = copies.map((copy, index) =>
          presenting({ subject, era }, `unsigned copy ${index + 1} of the token`, copy),
        );
        return judgeAll(subject, trials, expect401);
      },
    },
  ],
};

async function checkAudience(subject: Subject, era: Era): Promise<Finding> {
  const { foreignAudienceTokens, resource } = subject.options;
  const trials: Trial[] = [];
  for (const [index, token] of foreignAudienceTokens.entries()) {
    if (isExpired(token)) return wornOut(subject, 'foreignAudienceToken');
    if (findAudiences(token)?.includes(resource.href) === true) {
      return unusable(subject, 'A foreignAudienceToken given is for this very resource.');
    }
    trials.push(presenting({ subject, era }, `token ${index + 1} for another resource`, token));
  }
  return judgeAll(subject, trials, expect401);
}

async function checkGiven({ subject, era }: Scene, name: SingleTokenName, what: string): Promise<Finding> {
  const token = subject.options.tokens[name] ?? '';
  if (isExpired(token)) return wornOut(subject, name);
  return judgeAll(subject, [presenting({ subject, era }, what, token)], expect401);
}

const issuerItem: Item = {
  id: 5,
  title: 'A token of an unknown issuer is refused',
  section: 'MCP basic/authorization "Token Handling"; RFC 9068 §4; RFC 9728 §2',
  level: 'MUST',
  checks: [
    {
      name: 'an issuer made up on the spot',
      essential: true,
      run: (subject, era) => {
        const { tokens, resource } = subject.options;
        const rogue = createRogueIssuer(tokens.token, resource.href);
        const iss = 'https://issuer.invalid';
        const own = rogue.sign({ iss }, { kid: 'gatehouse-check' });
        const nameless = rogue.sign({ iss: undefined }, { kid: 'gatehouse-check' });
        const trials = [
          presenting({ subject, era }, 'a token of an issuer that does not exist', own),
          presenting(
            { subject, era },
            'the same with its key inside',
            rogue.sign({ iss }, { jwk: rogue.publicJwk }),
          ),
          presenting({ subject, era }, 'a token that names no issuer', nameless),
        ];
        return judgeAll(subject, trials, expect401);
      },
    },
    {
      name: 'another real issuer',
      needs: ['foreignIssuerToken'],
      run: (subject, era) =>
        checkGiven({ subject, era }, 'foreignIssuerToken', 'a token of a foreign issuer'),
    },
    {
      name: 'the issuer of the token is announced',
      eras: 'once',
      needs: ['token'],
      run: checkAnnouncedIssuer,
    },
  ],
};

async function checkAnnouncedIssuer(subject: Subject): Promise<Finding> {
  const issuer = findJwt(subject.options.tokens.token ?? '')?.claims.iss;
  const { document } = await subject.metadata();
  if (typeof issuer !== 'string') return notApplicable('The token names no issuer that could be read.');
  const servers = document?.authorization_servers;
  if (!Array.isArray(servers) || servers.length === 0) {
    return notApplicable('No metadata names any authorization server to compare with.');
  }
  return servers.includes(issuer)
    ? passed('authorization_servers lists the issuer of the token.')
    : failed('authorization_servers does not list the issuer of a token that the server accepts.');
}

const boundItem: Item = {
  id: 17,
  title: 'A bound token needs its proof',
  section: 'RFC 9449 §7.1, §7.2; RFC 8705 §3',
  level: 'MUST',
  checks: [
    {
      name: 'as a bearer token, without a proof',
      needs: ['boundToken'],
      essential: true,
      run: (subject, era) => checkGiven({ subject, era }, 'boundToken', 'a bound token as a bearer'),
    },
    {
      name: 'under the DPoP scheme, without a proof',
      needs: ['boundToken'],
      run: async (subject, era) => {
        const token = subject.options.tokens.boundToken ?? '';
        if (isExpired(token)) return wornOut(subject, 'boundToken');
        const headers = [['Authorization', `DPoP ${token}`]] as const;
        const send = (): Promise<Answer> => subject.ask({ era, call: toProbe(era), headers });
        // RFC 9449 §7.1 names a missing proof a 401; a malformed one may be called a bad request.
        return judgeAll(subject, [{ what: 'it under DPoP without a proof', send }], expectStatus(400, 401));
      },
    },
  ],
};

/** Which tokens are let in: items 3, 4, 5 and 17. */
export const TOKEN_ITEMS: readonly Item[] = [invalidItem, audienceItem, issuerItem, boundItem];
