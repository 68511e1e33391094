import { TenantUnavailableError, type UserRecord } from './identity-source.ts';
import type { TenantConfig } from './tenant-config.ts';
import { askTenant, type TenantAnswer, textOf } from './tenant-request.ts';
import { type Grant, requestToken } from './token-endpoint.ts';

/** A token is renewed this long before it ends. */
const MARGIN_MS = 60_000;
const MAX_ID_LENGTH = 256;

/** Auth0's Management API, asked in the name of this app. */
export interface ManagementApi {
  /** @throws TenantUnavailableError */
  findUser(id: string): Promise<UserRecord | undefined>;
}

export function createManagementApi(config: TenantConfig, now: () => number): ManagementApi {
  const root = `${config.origin}/api/v2/`;
  let known: { readonly token: string; readonly endsAt: number } | undefined;
  let asking: Promise<Grant | undefined> | undefined;

  /** One for all who ask, until it is about to end. */
  const appToken = async (): Promise<string> => {
    if (known !== undefined && now() < known.endsAt) return known.token;
    asking ??= requestToken(config, { grant_type: 'client_credentials', audience: root }).finally(() => {
      asking = undefined;
    });
    const grant = await asking;
    if (grant === undefined) throw new TenantUnavailableError('The tenant refuses this app a token');
    known = { token: grant.accessToken, endsAt: now() + grant.expiresInSeconds * 1000 - MARGIN_MS };
    return known.token;
  };
  const read = async (path: string): Promise<TenantAnswer> => {
    const authorization = `Bearer ${await appToken()}`;
    const answer = await askTenant(`${root}${path}`, { headers: { authorization } });
    if (answer.status === 200 || answer.status === 404 || answer.status === 400) return answer;
    // It may have been withdrawn: the next request asks for another one.
    known = undefined;
    throw new TenantUnavailableError(`The Management API answers with ${answer.status}`);
  };

  return {
    async findUser(id) {
      // Dots would be a way to another place, which encoding does not keep from being one.
      if (id === '' || id === '.' || id === '..' || id.length > MAX_ID_LENGTH) return undefined;
      const path = `users/${encodeURIComponent(id)}`;
      const user = await read(path);
      // 400 is for what cannot be an id.
      if (user.status !== 200) return undefined;
      const { json } = await read(`${path}/permissions?per_page=100`);
      return {
        user_id: id,
        email: textOf(user, 'email') ?? null,
        name: textOf(user, 'name') ?? null,
        permissions: permissionsIn(json, config.audience),
        created_at: textOf(user, 'created_at') ?? null,
      };
    },
  };
}

/** Those at this API, whether given to the user or to a role of theirs. */
function permissionsIn(json: TenantAnswer['json'], audience: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(json) ? json : [];
  return list.flatMap((entry) => {
    const { permission_name: name, resource_server_identifier: api } = (entry ?? {}) as Record<
      string,
      unknown
    >;
    return typeof name === 'string' && api === audience ? [name] : [];
  });
}
