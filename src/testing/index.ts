export { createLocalIssuer, type LocalIssuer, type LocalIssuerOptions, type SignOptions, type TokenInit } from './local-issuer.ts';
