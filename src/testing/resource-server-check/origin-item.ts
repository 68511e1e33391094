import { findHeader, type HeaderList } from './exchange.ts';
import { type Finding, failed, type Item, notApplicable, passed } from './item.ts';
import { toProbe } from './messages.ts';
import type { Era } from './report.ts';
import { isLoopback, type Subject } from './subject.ts';
import { expectStatus, judgeAll, type Trial } from './trial.ts';

const FOREIGN_ORIGIN = 'https://gatehouse-check.invalid';

/** Item 13: Origin and Host. */
export const ORIGIN_ITEM: Item = {
  id: 13,
  title: 'Foreign origins and foreign hosts are turned away',
  section: 'MCP basic/transports/streamable-http "Security & Endpoint"',
  level: 'MUST',
  checks: [
    {
      name: 'a foreign Origin',
      needs: ['token'],
      essential: true,
      run: (subject, era) =>
        judgeAll(subject, originTrials(subject, era, [FOREIGN_ORIGIN]), expectStatus(403)),
    },
    {
      name: 'an Origin that resembles a good one',
      needs: ['token'],
      run: (subject, era) =>
        judgeAll(subject, originTrials(subject, era, lookAlikes(subject.options.origin)), expectStatus(403)),
    },
    {
      name: 'an opaque or malformed Origin',
      level: 'judgement',
      needs: ['token'],
      run: (subject, era) =>
        judgeAll(subject, originTrials(subject, era, ['null', 'gatehouse check']), expectStatus(403, 400)),
    },
    { name: 'CORS does not let a foreign origin in', eras: 'once', run: checkCors },
    { name: 'a foreign Host on a loopback address', needs: ['token', 'raw'], run: checkHost },
  ],
};

function originTrials(subject: Subject, era: Era, origins: readonly string[]): readonly Trial[] {
  const { token } = subject.options.tokens;
  return origins.map((origin) => ({
    what: `the token with Origin: ${subject.ledger.quote(origin)}`,
    send: () => subject.ask({ era, call: toProbe(era), token, headers: [['Origin', origin]] }),
  }));
}

/** What a comparison by prefix, by suffix or without the scheme would take for the good origin. */
function lookAlikes(origin: string): readonly string[] {
  const { protocol, hostname, host } = new URL(origin);
  // A name that ends in digits would be read as a number, not as a name.
  const name = isLoopback(new URL(origin)) ? 'localhost' : hostname;
  return [
    `${protocol}//${hostname.startsWith('[') ? name : hostname}.gatehouse-check.invalid`,
    `${protocol}//gatehouse-check-${name}`,
    `gatehouse-check://${host}`,
  ];
}

async function checkCors(subject: Subject): Promise<Finding> {
  const headers: HeaderList = [
    ['Origin', FOREIGN_ORIGIN],
    ['Access-Control-Request-Method', 'POST'],
  ];
  const answer = await subject.plain({ method: 'OPTIONS', headers });
  const allowed = findHeader(answer.response.headers, 'access-control-allow-origin');
  const came = `Sent a CORS preflight from a foreign origin; got ${answer.status}`;
  return allowed === FOREIGN_ORIGIN || allowed === '*'
    ? failed(`${came}, which lets that origin in.`)
    : passed(`${came}, which does not let that origin in.`);
}

async function checkHost(subject: Subject, era: Era): Promise<Finding> {
  if (!isLoopback(subject.options.url)) {
    return notApplicable('Checked on loopback addresses only: elsewhere a proxy may decide.');
  }
  const { token } = subject.options.tokens;
  const { port } = subject.options.url;
  const hosts = ['gatehouse-check.invalid', 'localhost.gatehouse-check.invalid'].map((name) =>
    port === '' ? name : `${name}:${port}`,
  );
  const trials = hosts.map(
    (foreign): Trial => ({
      what: `the token with Host: ${foreign}`,
      send: () => subject.ask({ era, call: toProbe(era), token, headers: [['Host', foreign]] }),
    }),
  );
  // RFC 9110 §15.5.20: 421 is the status for a request that reached the wrong server.
  return judgeAll(subject, trials, expectStatus(403, 421, 400));
}
