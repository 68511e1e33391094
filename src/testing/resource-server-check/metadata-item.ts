import { findBearerChallenge } from './asking.ts';
import type { HeaderList } from './exchange.ts';
import { type Finding, failed, type Item, notApplicable, passed } from './item.ts';
import { isRecord, parseJson, toProbe } from './messages.ts';
import { findMetadataReason, NO_METADATA } from './metadata-expectation.ts';
import type { Era } from './report.ts';
import { isLoopback, metadataPath, type Subject } from './subject.ts';
import { describe } from './trial.ts';

/** A name that resolves nowhere (RFC 6761 §6.4). */
const SPOOFED_HOST = 'gatehouse-check.invalid';

const SPOOFS: readonly (readonly [string, HeaderList])[] = [
  ['X-Forwarded-Host', [['X-Forwarded-Host', SPOOFED_HOST]]],
  ['Forwarded', [['Forwarded', `host=${SPOOFED_HOST};proto=https`]]],
  [
    'X-Forwarded-Proto and -Port',
    [
      ['X-Forwarded-Proto', SPOOFED_HOST],
      ['X-Forwarded-Port', '6666'],
    ],
  ],
];

/** Item 9: protected resource metadata. */
export const METADATA_ITEM: Item = {
  id: 9,
  title: 'Protected resource metadata is published, and true',
  section: 'MCP basic/authorization/authorization-server-discovery; RFC 9728 §2, §3.1, §3.3',
  level: 'MUST',
  checks: [
    { name: 'published at its well-known address', eras: 'once', essential: true, run: checkPublished },
    { name: 'resource is the canonical URI', eras: 'once', run: checkResource },
    { name: 'the challenge names the same document', run: checkNamed },
    { name: 'authorization_servers names at least one', eras: 'once', run: checkServers },
    {
      name: 'only the header is named as a place for tokens',
      level: 'judgement',
      eras: 'once',
      run: (subject) =>
        withDocument(subject, ({ bearer_methods_supported: methods }) => {
          if (methods === undefined) return notApplicable('bearer_methods_supported is absent.');
          return Array.isArray(methods) && methods.every((method) => method === 'header')
            ? passed('bearer_methods_supported names the header alone.')
            : failed('bearer_methods_supported names something other than the header.');
        }),
    },
    {
      name: 'not built from a foreign Host',
      eras: 'once',
      needs: ['raw'],
      run: (subject) => checkSpoofedDocument(subject, [['Host', [['Host', SPOOFED_HOST]]]]),
    },
    {
      name: 'not built from forwarding headers',
      eras: 'once',
      run: (subject) => checkSpoofedDocument(subject, SPOOFS),
    },
    {
      name: 'nor is the challenge',
      run: (subject, era) => {
        const host: typeof SPOOFS = subject.raw ? [['Host', [['Host', SPOOFED_HOST]]]] : [];
        return checkSpoofedChallenge(subject, era, [...host, ...SPOOFS]);
      },
    },
  ],
};

async function checkPublished(subject: Subject): Promise<Finding> {
  const { answer, document } = await subject.metadata();
  const path = metadataPath(subject.options.url);
  const came = `Sent GET ${subject.ledger.quote(path)} without a token; got ${describe(subject, answer)}`;
  if (document !== undefined) return passed(`${came} with a JSON object.`);
  const reason = await findMetadataReason(subject);
  return reason === undefined
    ? notApplicable(NO_METADATA)
    : failed(`${came}, but expected 200 with a JSON object: ${reason}.`);
}

async function withDocument(
  subject: Subject,
  judge: (document: Readonly<Record<string, unknown>>) => Finding,
): Promise<Finding> {
  const { document } = await subject.metadata();
  return document === undefined
    ? notApplicable('There is no metadata document to look at.')
    : judge(document);
}

function checkResource(subject: Subject): Promise<Finding> {
  const expected = subject.options.resource;
  const { quote } = subject.ledger;
  // RFC 9728 §3.3: identical, or the client must not use it. The path `/` alone may be left out.
  const spellings = [expected.href];
  if (expected.pathname === '/') spellings.push(expected.origin + expected.search);
  return withDocument(subject, ({ resource }) =>
    typeof resource === 'string' && spellings.includes(resource)
      ? passed(`resource is ${quote(resource)}.`)
      : failed(`resource is ${quote(String(resource))}, but expected ${quote(expected.href)}.`),
  );
}

async function checkNamed(subject: Subject, era: Era): Promise<Finding> {
  const named = findBearerChallenge(await subject.challenged(era))?.params.get('resource_metadata');
  if (named === undefined || !URL.canParse(named)) {
    return notApplicable('The challenge names no metadata by an absolute URL.');
  }
  const url = new URL(named);
  if (url.origin !== subject.options.url.origin) {
    return notApplicable('The challenge names metadata at another origin, which is not asked.');
  }
  const answer = await subject.plain({ method: 'GET', path: url.pathname + url.search });
  const document = answer.status === 200 ? parseJson(answer.response.body) : undefined;
  const { resource } = (await subject.metadata()).document ?? {};
  return isRecord(document) && (resource === undefined || document.resource === resource)
    ? passed('The address in the challenge serves the document, with the same resource.')
    : failed(
        `Sent GET to the address in the challenge; got ${describe(subject, answer)}, ` +
          'but expected 200 with the same resource.',
      );
}

function checkServers(subject: Subject): Promise<Finding> {
  return withDocument(subject, ({ authorization_servers: servers }) => {
    if (!Array.isArray(servers) || servers.length === 0) {
      return failed('authorization_servers is absent or empty.');
    }
    return servers.every(isIssuerUrl)
      ? passed(`authorization_servers names ${servers.length}.`)
      : failed('authorization_servers holds something that is no https URL.');
  });
}

/** RFC 8414 §2: https, without query and fragment; plain http only for a server on the same machine. */
function isIssuerUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const url = new URL(value);
  const isPlain = url.search === '' && url.hash === '';
  return isPlain && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)));
}

async function checkSpoofedDocument(subject: Subject, spoofs: typeof SPOOFS): Promise<Finding> {
  const { document } = await subject.metadata();
  if (document === undefined) return notApplicable('There is no metadata document to look at.');
  const path = metadataPath(subject.options.url);
  const evidence: string[] = [];
  for (const [what, headers] of spoofs) {
    const answer = await subject.plain({ method: 'GET', path, headers });
    const spoofed = parseJson(answer.response.body);
    const came = `Sent the request for metadata with a foreign ${what}; got ${answer.status}`;
    if (answer.status === 200 && (!isRecord(spoofed) || spoofed.resource !== document.resource)) {
      return failed(`${came} with another resource.`);
    }
    if (answer.response.body.includes(SPOOFED_HOST)) return failed(`${came} with the foreign name in it.`);
    evidence.push(`${came}, without a trace of it.`);
  }
  return passed(evidence.join(' '));
}

async function checkSpoofedChallenge(subject: Subject, era: Era, spoofs: typeof SPOOFS): Promise<Finding> {
  const honest = findBearerChallenge(await subject.challenged(era))?.params.get('resource_metadata');
  if (honest === undefined) return notApplicable('The challenge names no metadata.');
  const evidence: string[] = [];
  for (const [what, headers] of spoofs) {
    const answer = await subject.ask({ era, call: toProbe(era), headers });
    const named = findBearerChallenge(answer)?.params.get('resource_metadata');
    const came = `Sent a request with a foreign ${what}; got ${describe(subject, answer)}`;
    const isSpoofed = answer.response.headers.some(([, value]) => value.includes(SPOOFED_HOST));
    if (isSpoofed || (named !== undefined && named !== honest)) return failed(`${came}, which follows it.`);
    evidence.push(`${came}, which does not follow it.`);
  }
  return passed(evidence.join(' '));
}
