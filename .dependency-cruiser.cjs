'use strict';

/**
 * Who may import whom, innermost first:
 *
 *   core ← contracts ← features ← guard ← protocol ← gate ← adapters, cli
 *
 * `config` stands beside the features (core and contracts only) and is read by the gate and the commands; `testing`
 * is written against core and contracts alone. Every rule has a tree that breaks it in
 * test/repo/fixtures/import-rules.ts.
 */

const CORE = '^src/core/';

/** A feature's contract is the singular noun of its folder, and the other shapes that features share. */
const CONTRACTS =
  '^src/(' +
  [
    'authn/auth-provider',
    'tenancy/tenant-resolver',
    'tenancy/token-resolver',
    'limits/rate-limiter',
    'limits/call-limits',
    'authz/authorizer',
    'authz/target-directory',
    'audit/audit-sink',
    'audit/call-tracer',
    'stores/store',
  ].join('|') +
  ')\\.ts$';

const FEATURE_FOLDERS = 'authn|identity|issuer|tenancy|limits|authz|audit|stores';
const FEATURES = `^src/(?:${FEATURE_FOLDERS})/`;
const GUARD = ['^src/guard\\.ts$', '^src/guard/'];
const GATE = ['^src/gate\\.ts$', '^src/gate/', '^src/(wrap-server|wrap-options|authenticated-server)\\.ts$'];
const CONFIG = '^src/config/';
/** The only reader of the environment, and therefore open to every layer but core. */
const ENVIRONMENT = '^src/config/environment\\.ts$';
const ADAPTERS = '^src/adapters/';
const CLI = '^src/cli/';
const TESTING = '^src/testing/';
const ENTRY = '^src/index\\.ts$';

/**
 * Files that may use Node's own modules beyond `node:crypto`. Whatever is not here runs on web
 * standards. A new line needs its reason.
 */
const BUILTIN_FILES = [
  '^src/audit/file\\.ts$', // appends to a file
  '^src/audit/console\\.ts$', // writes to a stream of the process
  '^src/http/(origin|proxies)\\.ts$', // node:net tells addresses from names
  '^src/http/(listener|node-bridge|tls)\\.ts$', // the listener of its own that a gate can open
  '^src/http/websocket-server\\.ts$', // takes over the sockets of upgrades
  '^src/mcp/upstream/command-process\\.ts$', // starts servers that are processes
  '^src/express/(dispatch|inner-head|inner-socket)\\.ts$', // Express apps take the requests of node:http
  '^src/gate/load-factory\\.ts$', // turns the path of a module into what import() takes
  ADAPTERS, // sockets, streams, child processes
  CONFIG, // reads files
  CLI,
  TESTING, // local issuers listen on a port
];

/** Packages that cost too much, or exist too rarely, to be loaded with the main entry. */
const HEAVY =
  '(^|node_modules/)(oidc-provider|@simplewebauthn/|@cedar-policy/|better-sqlite3|libsql|pg|ioredis|express|fastify|hono)(/|$)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or miss a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-stands-alone',
      comment: 'The vocabulary knows nothing of what is built with it.',
      severity: 'error',
      from: { path: CORE },
      to: { path: '^src/', pathNot: CORE },
    },
    {
      name: 'core-has-no-packages',
      comment: 'The vocabulary needs no package.',
      severity: 'error',
      from: { path: CORE },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'contracts-import-core',
      comment: 'A contract is written in the words of core and of other contracts.',
      severity: 'error',
      from: { path: CONTRACTS },
      to: { path: '^src/', pathNot: [CORE, CONTRACTS] },
    },
    {
      name: 'features-stay-apart',
      comment:
        'A feature imports core, any contract and itself, never the implementation of another feature.',
      severity: 'error',
      from: { path: `^src/(${FEATURE_FOLDERS})/`, pathNot: CONTRACTS },
      to: { path: '^src/', pathNot: [CORE, CONTRACTS, ENVIRONMENT, '^src/$1/'] },
    },
    {
      name: 'guard-knows-contracts',
      comment:
        'The pipeline is an order of contracts; which implementation stands behind one is the gate’s business.',
      severity: 'error',
      from: { path: GUARD },
      to: { path: '^src/', pathNot: [CORE, CONTRACTS, ...GUARD] },
    },
    {
      name: 'http-below-gate',
      comment: 'http uses features and the guard; it knows nothing of MCP, nor of what composes it.',
      severity: 'error',
      from: { path: '^src/http/' },
      to: { path: '^src/', pathNot: [CORE, CONTRACTS, FEATURES, ...GUARD, ENVIRONMENT, '^src/http/'] },
    },
    {
      name: 'mcp-below-gate',
      comment: 'mcp uses features, the guard and http, which does not know it; nothing of what composes it.',
      severity: 'error',
      from: { path: '^src/mcp/' },
      to: {
        path: '^src/',
        pathNot: [CORE, CONTRACTS, FEATURES, ...GUARD, ENVIRONMENT, '^src/http/', '^src/mcp/'],
      },
    },
    {
      name: 'express-below-gate',
      comment: 'express uses what mcp uses, and mcp; nothing of what composes it.',
      severity: 'error',
      from: { path: '^src/express/' },
      to: {
        path: '^src/',
        pathNot: [CORE, CONTRACTS, FEATURES, ...GUARD, ENVIRONMENT, '^src/(http|mcp|express)/'],
      },
    },
    {
      name: 'gate-below-adapters',
      comment: 'The composition root serves adapters; it does not know them.',
      severity: 'error',
      from: { path: GATE },
      to: { path: ADAPTERS },
    },
    {
      name: 'config-describes-only',
      comment:
        'The configuration describes features in its own words; turning it into them is the gate’s work.',
      severity: 'error',
      from: { path: CONFIG },
      to: { path: '^src/', pathNot: [CORE, CONTRACTS, CONFIG] },
    },
    {
      name: 'config-serves-gate-and-cli',
      comment: 'A feature takes options, never the configuration file.',
      severity: 'error',
      from: { path: '^src/', pathNot: [CONFIG, CLI, ENTRY, ...GATE] },
      to: { path: CONFIG, pathNot: ENVIRONMENT },
    },
    {
      name: 'nothing-imports-cli',
      comment: 'A command is an end of the program.',
      severity: 'error',
      from: { path: '^src/', pathNot: CLI },
      to: { path: CLI },
    },
    {
      name: 'nothing-imports-entry',
      comment: 'index.ts is for users of the package; inside, the file that has the thing is imported.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: ENTRY },
    },
    {
      name: 'testing-is-independent',
      comment: 'Published suites and fakes judge implementations, so they must not be built from them.',
      severity: 'error',
      from: { path: TESTING },
      to: { path: '^src/', pathNot: [CORE, CONTRACTS, TESTING] },
    },
    {
      name: 'testing-is-not-shipped-code',
      comment: 'A fake issuer must not be reachable from what runs in production.',
      severity: 'error',
      from: { path: '^src/', pathNot: [TESTING, CLI] },
      to: { path: TESTING },
    },
    {
      name: 'src-stands-alone',
      comment: 'What is published must not need what is not.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|examples|bench|scripts)/' },
    },
    {
      name: 'builtins-by-list',
      comment: 'node:crypto anywhere, other builtins in the files of BUILTIN_FILES only.',
      severity: 'error',
      from: { path: '^src/', pathNot: BUILTIN_FILES },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'sdk-at-the-edge',
      comment: 'Both SDKs are optional peers: only what speaks MCP may know them.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/mcp/', ADAPTERS, CLI] },
      to: { path: '(^|node_modules/)@modelcontextprotocol/' },
    },
    {
      name: 'entry-stays-light',
      comment: 'Importing the package must not pull in an authorization server, a framework or a driver.',
      severity: 'error',
      from: { path: ENTRY },
      to: { path: HEAVY, reachable: true },
    },
    {
      name: 'declared-packages-only',
      comment:
        'What src imports is a dependency or a peer dependency, not something that happens to be installed.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    exclude: { path: '\\.test\\.ts$' },
    doNotFollow: { path: 'node_modules' },
    // Types count too: a layer that needs the type of an upper one knows it.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'require', 'node', 'default'],
    },
    combinedDependencies: false,
  },
};
