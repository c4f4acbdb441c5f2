/** Who is asked about a request, in words. */
import type { ExternalAuth } from '../../config/index.ts';

export function externalAuthText({ backend, question, onFailure, body }: ExternalAuth): string {
  const asked =
    question.protocol === 'HTTP' ? `${question.method ?? 'with its own method'} ${question.target}` : 'by ext_authz';
  const seen = body === undefined ? '' : `, with up to ${body.maxBytes} bytes of its body`;
  const failed = onFailure.open
    ? 'passes where it does not answer'
    : `${onFailure.statusCode} where it does not answer`;
  return `asks ${backend} ${asked}${seen}; ${failed}`;
}
