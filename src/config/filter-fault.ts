/** What is wrong with a filter, beyond its shape. What passes here compiles in every data plane. */
import { headerNameFault, headerValueFault, isAuthority, isToken } from './header-line.ts';
import type { CorsFilter, Filter, HeaderModifier } from './route.ts';

export interface FilterFault {
  /** Below the filter, such as `set[0].name`. */
  field: string;
  message: string;
}

const ORIGIN = /^(?:\*|https?:\/\/(?:(?:\*\.)?[a-z0-9_.-]+|\*|\[[0-9a-f:.]+\])(?::\d{1,5})?)$/i;

export function filterFault(filter: Filter): FilterFault | undefined {
  switch (filter.type) {
    case 'RequestHeaderModifier':
    case 'ResponseHeaderModifier':
      return modifierFault(filter);
    case 'RequestRedirect':
    case 'URLRewrite':
      if (filter.hostname === undefined || isAuthority(filter.hostname)) return undefined;
      return { field: 'hostname', message: `${JSON.stringify(filter.hostname)} is no host name` };
    case 'CORS':
      return corsFault(filter);
    case 'DirectAnswer': {
      const message = headerValueFault({ name: 'content-type', value: filter.contentType });
      return message === undefined ? undefined : { field: 'contentType', message };
    }
    case 'RequestMirror':
    case 'ExternalAuth':
      return undefined;
  }
}

function modifierFault({ set, add, remove }: HeaderModifier): FilterFault | undefined {
  for (const [list, lines] of Object.entries({ set, add })) {
    for (const [at, line] of lines.entries()) {
      const name = headerNameFault(line.name);
      if (name !== undefined) return { field: `${list}[${at}].name`, message: name };
      const value = headerValueFault(line);
      if (value !== undefined) return { field: `${list}[${at}].value`, message: value };
    }
  }
  for (const [at, removed] of remove.entries()) {
    const name = headerNameFault(removed);
    if (name !== undefined) return { field: `remove[${at}]`, message: name };
  }
  return undefined;
}

/** All of these stand in answers. */
function corsFault(filter: CorsFilter): FilterFault | undefined {
  for (const [at, origin] of filter.allowOrigins.entries()) {
    if (ORIGIN.test(origin)) continue;
    return {
      field: `allowOrigins[${at}]`,
      message: `${JSON.stringify(origin)} is neither "*" nor scheme://host[:port]`,
    };
  }
  for (const list of ['allowMethods', 'allowHeaders', 'exposeHeaders'] as const) {
    const at = filter[list].findIndex((name) => !isToken(name));
    if (at >= 0) return { field: `${list}[${at}]`, message: `${JSON.stringify(filter[list][at])} is no token of HTTP` };
  }
  return undefined;
}
