import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../src/core/errors.ts';
import { parseCode, parseFile, problemsOf, SECRET, withAuth, withParts } from './fixtures/options.ts';

describe('[config/unknown-keys]', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['at the top', { publicURL: 'https://a.example' }, 'Unknown key `publicURL` (did you mean `publicUrl`?)'],
    [
      'in an entry of a list',
      { auth: [{ type: 'jwt', isuer: 'https://a.example', secret: SECRET }] },
      'auth[0]: Unknown key `isuer` (did you mean `issuer`?)',
    ],
    [
      'in a server',
      { servers: { notes: { module: './x.js', sesions: {} } } },
      'servers.notes: Unknown key `sesions` (did you mean `sessions`?)',
    ],
    [
      'in a rule',
      { authorization: { tools: { 'notes/*': { scope: ['a'] } } } },
      'authorization.tools["notes/*"]: Unknown key `scope` (did you mean `scopes`?)',
    ],
    [
      'without a likely meaning',
      { limits: { failures: { colour: 1 } } },
      'limits.failures: Unknown key `colour` (known: max, windowSeconds)',
    ],
  ])('%s', (_name, parts, problem) => {
    expect(problemsOf(withParts(parts))).toEqual([problem]);
    expect(problemsOf(withParts(parts), parseCode)).toEqual([problem]);
  });

  test('each one is told, on one line and of bounded length', () => {
    const problems = problemsOf(withParts({ 'line\nbreak': 1, ['x'.repeat(500)]: 2 }));
    expect(problems).toHaveLength(2);
    for (const problem of problems) {
      expect(problem).not.toContain('\n');
      expect(problem.length).toBeLessThan(250);
    }
  });
});

describe('[config/all-problems]', () => {
  test('every problem comes at once, those of several parts too', () => {
    const problems = problemsOf({
      version: 1,
      publicUrl: 'http://mcp.example.com',
      listen: { port: '3000', allowedOrigins: ['*'] },
      servers: { notes: { module: './notes.js' } },
      auth: [{ type: 'jwt', secret: 'short' }, { type: 'magic' }],
      authorization: { tools: { 'nots/*': { access: 'required' } } },
      limits: { calls: [{ per: 'principal', rate: 'often' }] },
      tenancy: { credentials: { files: { type: 'env' } } },
    });
    expect(problems).toEqual([
      'publicUrl: must be an https: URL; http: is for loopback hosts (localhost, 127.0.0.1, [::1])',
      'listen.port: must be a number, not text',
      'listen.allowedOrigins[0]: must not be `*`: list the origins whose pages may call',
      expect.stringMatching(/^auth\[0\]\.secret: must be at least 32 bytes long/),
      'auth[1].type: must be one of: jwt, environment',
      'limits.calls[0].rate: must be a count per period, for example 100/min (s, min, h or day)',
      'tenancy.credentials.files: is used by no server (there are: notes)',
      'authorization.tools["nots/*"]: names no server of this configuration (did you mean `notes`?)',
    ]);
  });

  test('the error lists them and has the code of configuration errors', () => {
    const attempt = () => parseFile({ version: 1, servers: {}, auth: [] });
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION_ERROR',
        message: 'servers: needs at least one server\nauth: needs at least 1 entry',
      }),
    );
  });

  test.each([
    [undefined, 'The configuration must be an object, not undefined'],
    [null, 'The configuration must be an object, not null'],
    [[], 'The configuration must be an object, not a list'],
    ['text', 'The configuration must be an object, not text'],
  ])('%j is no configuration', (input, problem) => {
    expect(problemsOf(input)).toEqual([problem]);
  });
});

describe('[config/public-url]', () => {
  const parse = (publicUrl: unknown, listen?: object) =>
    problemsOf(withParts({ publicUrl, ...(listen !== undefined && { listen }) }));

  test.each([
    'https://mcp.example.com',
    'https://mcp.example.com/base',
    'http://localhost:3000',
    'http://127.0.0.1:3000/',
    'http://[::1]:3000',
  ])('takes %s', (url) => {
    expect(parse(url)).toEqual([]);
  });

  test.each([
    ['/mcp', 'must be an absolute URL, for example https://example.com'],
    ['mcp.example.com', 'must be an absolute URL, for example https://example.com'],
    ['', 'must not be empty'],
    ['http://mcp.example.com', expect.stringContaining('must be an https: URL; http: is for loopback hosts')],
    ['http://localhost.example.com', expect.stringContaining('http: is for loopback hosts')],
    ['ftp://mcp.example.com', 'must be an https: URL'],
    ['https://user@mcp.example.com', 'must not contain a user name or password'],
    ['https://mcp.example.com/?a=b', 'must not have a query (`?…`)'],
    ['https://mcp.example.com/#a', 'must not have a fragment (`#…`)'],
    ['https://mcp.example.com\\a', 'must not contain blanks or backslashes'],
  ])('refuses %j', (url, problem) => {
    const [found = ''] = parse(url);
    expect(found.replace('publicUrl: ', '')).toEqual(problem);
  });

  test('is kept in one spelling, without a slash at the end', () => {
    expect(parseFile(withParts({ publicUrl: 'https://MCP.example.com:443/' })).publicUrl).toBe(
      'https://mcp.example.com',
    );
  });

  test('is the address listened on, if that is loopback and known', () => {
    const urlOf = (listen: object) => parseFile(withParts({ listen })).publicUrl;
    expect(urlOf({ port: 4000 })).toBe('http://127.0.0.1:4000');
    expect(urlOf({ host: '::1', port: 4000 })).toBe('http://[::1]:4000');
    expect(problemsOf(withParts({ listen: { host: '0.0.0.0' } }))).toEqual([
      'publicUrl: is required when `listen.host` is not a loopback address',
    ]);
    expect(problemsOf(withParts({ listen: { port: 0 } }))).toEqual([
      'publicUrl: is required when `listen.port` is 0, as the address is not known beforehand',
    ]);
  });

  test('undefined is not the same as left out', () => {
    expect(problemsOf(withParts({ publicUrl: undefined }), parseCode)).toEqual([
      'publicUrl: is undefined: set it, or leave the key out (is an environment variable not set?)',
    ]);
  });
});

describe('[config/jwt-rules]', () => {
  const issuer = 'https://issuer.example';
  const publicKey = '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n';

  test.each<[string, Record<string, unknown>]>([
    ['a secret', { secret: SECRET }],
    ['a secret and an issuer', { secret: SECRET, issuer: 'anything' }],
    ['a JWKS', { issuer, jwksUri: `${issuer}/jwks` }],
    ['a JWKS on loopback', { issuer, jwksUri: 'http://127.0.0.1:1/jwks' }],
    ['a public key', { issuer: 'anything', publicKey }],
    ['a JWK', { issuer, publicKey: '{"kty":"OKP","crv":"Ed25519","x":"AA"}' }],
    ['discovery', { issuer }],
    ['algorithms that fit', { issuer, algorithms: ['ES256', 'EdDSA'] }],
    ['several audiences', { issuer, audience: ['a', 'b'] }],
  ])('takes %s', (_name, entry) => {
    expect(problemsOf(withAuth({ type: 'jwt', ...entry }))).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, readonly unknown[]]>([
    [
      'no key at all',
      {},
      ['auth[0].issuer: is required to find the keys (or give one of jwksUri, publicKey and secret)'],
    ],
    [
      'two sources of keys',
      { issuer, jwksUri: `${issuer}/jwks`, secret: SECRET },
      ['auth[0].jwksUri: must not stand beside `secret`: keys come from one place only'],
    ],
    [
      'a JWKS without an issuer',
      { jwksUri: `${issuer}/jwks` },
      ['auth[0].issuer: is required with `jwksUri`: keys say who signed only together with the issuer'],
    ],
    [
      'a public key without an issuer',
      { publicKey },
      [expect.stringContaining('is required with `publicKey`')],
    ],
    [
      'a JWKS over http',
      { issuer, jwksUri: 'http://issuer.example/jwks' },
      [expect.stringContaining('https: URL')],
    ],
    [
      'discovery over http',
      { issuer: 'http://issuer.example' },
      [expect.stringMatching(/^auth\[0\]\.issuer: must be an https: URL.*or give jwksUri/)],
    ],
    [
      'a short secret',
      { secret: 'x'.repeat(31) },
      [expect.stringContaining('must be at least 32 bytes long')],
    ],
    [
      'a public key as a secret',
      { secret: publicKey },
      ['auth[0].secret: holds a key in PEM; use `publicKey` for the public key of an issuer'],
    ],
    [
      'a private key',
      { issuer, publicKey: '-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----' },
      ['auth[0].publicKey: holds a private key; only the public one belongs here'],
    ],
    [
      'a private JWK',
      { issuer, publicKey: '{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}' },
      ['auth[0].publicKey: holds a private key; only the public one belongs here'],
    ],
    ['algorithm none', { issuer, algorithms: ['none'] }, [expect.stringContaining('must be one of: HS256')]],
    [
      'HMAC with public keys',
      { issuer, algorithms: ['RS256', 'HS256'] },
      [expect.stringContaining('auth[0].algorithms: HS256 cannot be used with public keys')],
    ],
    [
      'RSA with a secret',
      { secret: SECRET, algorithms: ['RS256'] },
      [expect.stringContaining('auth[0].algorithms: RS256 cannot be used with a shared secret')],
    ],
    [
      'an audience that is a client',
      { issuer, audience: 'client', clientIds: ['client'] },
      ['auth[0].audience: must not be one of `clientIds`: ID tokens would pass for access tokens'],
    ],
  ])('refuses %s', (_name, entry, problems) => {
    expect(problemsOf(withAuth({ type: 'jwt', ...entry }))).toEqual(problems);
  });

  test('counts the bytes of a secret, not its characters', () => {
    expect(problemsOf(withAuth({ type: 'jwt', secret: 'ä'.repeat(16) }))).toEqual([]);
  });

  test.each(['secret', 'jwksUri', 'publicKey', 'issuer', 'audience'])(
    'an undefined %s does not make way for something else',
    (key) => {
      expect(problemsOf(withAuth({ type: 'jwt', issuer, [key]: undefined }), parseCode)).toEqual([
        `auth[0].${key}: is undefined: set it, or leave the key out (is an environment variable not set?)`,
      ]);
    },
  );
});
