/** Stands for the upstream token of the user, in values that a configuration gives to a server. */
export const CREDENTIAL = '${credential}';
