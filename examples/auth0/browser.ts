/** What the app answers at the end of signing in. */
export interface SignedIn {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly user: { readonly sub: string; readonly email: string; readonly name: string };
}

/** Signs in as a browser does: to the tenant and back, with the app's cookie. @throws Error when it ends otherwise */
export async function signIn(baseUrl: string, email: string): Promise<SignedIn> {
  const start = await fetch(`${baseUrl}/auth/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email }),
  });
  const cookie = start.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const atTenant = await fetch(locationOf(start), { redirect: 'manual' });
  const end = await fetch(locationOf(atTenant), { redirect: 'manual', headers: { cookie } });
  if (end.status !== 200) throw new Error(`Signing in ended with ${end.status}: ${await end.text()}`);
  return (await end.json()) as SignedIn;
}

function locationOf(response: Response): string {
  const location = response.headers.get('location');
  if (location === null) throw new Error(`${response.url} leads nowhere: ${response.status}`);
  return location;
}
