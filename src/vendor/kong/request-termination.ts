import type { ResponseSettings } from '../../api/index.ts';
import type { KongPluginKind } from './plugin.ts';

const UNAVAILABLE = 503;
/** Answers with these have no content. */
const BODILESS = [204, 205, 304];
/** What Kong says where nobody says anything. */
const WORDS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  500: 'An unexpected error occurred',
  502: 'Bad Gateway',
  503: 'Service unavailable',
};
const JSON_TYPE = 'application/json; charset=utf-8';

export const requestTermination: KongPluginKind = {
  plugin: 'request-termination',
  guards: true,
  read(config) {
    const at = 'ResponsePolicy directResponse';
    const statusCode = config.number('status_code', { ours: `${at}.statusCode` }) ?? UNAVAILABLE;
    const message = config.text('message', { ours: `${at}.body` }) ?? WORDS[statusCode];
    const body = config.text('body', { ours: `${at}.body` });
    const contentType = config.text('content_type', { ours: `${at}.contentType` });
    if (contentType !== undefined && !/^[A-Za-z]+\/[ -~]+$/.test(contentType))
      config.refuse('content_type', 'is no type of content: write one such as text/plain');
    config.only('echo', false, 'no answer repeats the request: leave it out');
    config.lost('trigger', 'what is answered so does not depend on a header: write a rule that matches the header');
    if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599)
      config.refuse('status_code', `${statusCode} ends no exchange: write one of 200 to 599`);
    const directResponse: NonNullable<ResponseSettings['directResponse']> = { statusCode };
    if (!BODILESS.includes(statusCode)) {
      if (body !== undefined) Object.assign(directResponse, { contentType: contentType ?? JSON_TYPE, body });
      else if (message !== undefined)
        Object.assign(directResponse, { contentType: JSON_TYPE, body: JSON.stringify({ message }) });
    }
    return { policies: { ResponsePolicy: { directResponse } } };
  },
};
