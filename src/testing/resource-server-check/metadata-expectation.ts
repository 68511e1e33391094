import { findBearerChallenge } from './asking.ts';
import { ERAS } from './report.ts';
import type { Subject } from './subject.ts';
import { findJwt } from './tokens.ts';

/**
 * Why the server must publish protected resource metadata, or undefined where it need not: one that takes
 * keys or shared secrets alone has no authorization server to announce.
 */
export async function findMetadataReason(subject: Subject): Promise<string | undefined> {
  const { document } = await subject.metadata();
  if (document !== undefined) return 'it publishes metadata';
  for (const era of ERAS) {
    const challenge = findBearerChallenge(await subject.challenged(era));
    if (challenge?.params.has('resource_metadata') === true) return 'its challenge names metadata';
  }
  const jwt = findJwt(subject.options.tokens.token ?? '');
  const { alg } = jwt?.header ?? {};
  const { iss } = jwt?.claims ?? {};
  const isAsymmetric = typeof alg === 'string' && !alg.startsWith('HS') && alg !== 'none';
  const isUrl = typeof iss === 'string' && /^https?:\/\//.test(iss);
  return isAsymmetric && isUrl ? 'the token given comes from an authorization server' : undefined;
}

/** Evidence where nothing is published and nothing need be. */
export const NO_METADATA =
  'No metadata is published and nothing shows an authorization server (keys or secrets alone need none).';
