/** A URL as whoever purges writes it, in the form that answers are kept under. */

/** Path and query stay as they are written: what clients ask for is no other for a dot or a percent sign. */
export function purgedPlace(text: string): { host: string; target: string } {
  const [, scheme = 'http', authority = '', rest = ''] = /^(?:(https?):\/\/)?([^/?#]*)([^#]*)/i.exec(text) ?? [];
  const parsed = URL.parse(`${scheme}://${authority}`);
  if (parsed === null || /^(?!https?:)[^/?#]*:\/\//i.test(text) || authority === '' || authority.includes('@')) {
    throw new Error(`"${text}" is no URL with a host, such as https://shop.example/news`);
  }
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  return { host: parsed.host, target: /^[\x21-\x7e]*$/.test(target) ? target : encodeURI(target) };
}
