import { readPath } from '../../http-match.ts';
import type { MethodReader } from './method.ts';

export const readClientCertificate: MethodReader<'clientCertificate'> = ({ match = [] }, at) => {
  const work = { steps: 0 };
  const { invalid } = at.reading;
  return {
    type: 'ClientCertificate',
    name: at.name,
    match: match.map(({ field, type = 'Exact', value }, index) => {
      // An expression may cost as much as one of a path.
      if (type === 'RegularExpression') readPath({ type, value }, `${at.field}.match[${index}]`, { invalid, work });
      return { field, type, value };
    }),
  };
};
