/** Lists of revoked certificates (RFC 5280, 5), as far as somebody has to know when they end: OpenSSL reads the rest. */

const PEM = /-----BEGIN (?:X509 )?CRL-----([^-]*)-----END (?:X509 )?CRL-----/g;
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** Years of two digits begin here (RFC 5280, 4.1.2.5.1). */
const FIRST_YEAR = 50;

export interface RevocationList {
  /** One block. */
  pem: string;
  /** After it the list says nothing any more; absent: it does not end. */
  until?: Date;
}

/** Those of a text of PEM, or of the one that is there as it is; or what is wrong. */
export function readRevocationLists(content: Buffer): RevocationList[] | { fault: string } {
  if (content[0] === SEQUENCE) return listsOf([content]);
  const blocks = [...content.toString('latin1').matchAll(PEM)].map(([, body]) => Buffer.from(body!, 'base64'));
  return blocks.length === 0 ? { fault: 'holds no list of revoked certificates (PEM, X509 CRL)' } : listsOf(blocks);
}

function listsOf(blocks: readonly Buffer[]): RevocationList[] | { fault: string } {
  const lists: RevocationList[] = [];
  for (const [at, der] of blocks.entries()) {
    try {
      const until = endOf(der);
      lists.push({ pem: pemOf(der), ...(until && { until }) });
    } catch {
      return { fault: `list ${at + 1} cannot be read` };
    }
  }
  return lists;
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n');
}

interface Value {
  tag: number;
  start: number;
  end: number;
}

/** The last of version, algorithm, issuer, this update, next update that is there is the end. */
function endOf(der: Buffer): Date | undefined {
  const whole = valueAt(der, 0, der.length);
  if (whole.tag !== SEQUENCE || whole.end !== der.length) throw new RangeError('no list');
  const body = valueAt(der, whole.start, whole.end);
  let at = body.start;
  const next = (): Value => {
    const value = valueAt(der, at, body.end);
    at = value.end;
    return value;
  };
  let algorithm = next();
  if (algorithm.tag === INTEGER) algorithm = next();
  const issuer = next();
  if (body.tag !== SEQUENCE || algorithm.tag !== SEQUENCE || issuer.tag !== SEQUENCE) throw new RangeError('no list');
  if (timeOf(der, next()) === undefined) throw new RangeError('no time');
  return at < body.end ? timeOf(der, next()) : undefined;
}

function valueAt(der: Buffer, at: number, limit: number): Value {
  const first = der.readUInt8(at + 1);
  const width = first < 0x80 ? 0 : first & 0x7f;
  if (width > 4 || first === 0x80) throw new RangeError('no length');
  const start = at + 2 + width;
  const end = start + (width === 0 ? first : der.readUIntBE(at + 2, width));
  if (end > limit) throw new RangeError('longer than what holds it');
  return { tag: der.readUInt8(at), start, end };
}

/** Undefined: it is none. */
function timeOf(der: Buffer, { tag, start, end }: Value): Date | undefined {
  if (tag !== UTC_TIME && tag !== GENERALIZED_TIME) return undefined;
  const text = der.latin1Slice(start, end);
  const century = tag === GENERALIZED_TIME ? '' : Number(text.slice(0, 2)) < FIRST_YEAR ? '20' : '19';
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text);
  if (parts === null) throw new RangeError('no time');
  const [, year, month, day, hour, minute, second] = parts;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
