/** What policies that act on requests have in common: what they are attached to, and where their settings stand. */
import type { PolicyTargetReference } from '../../api/index.ts';
import { policyTargetReference, targetsAreDistinct } from './reference.ts';
import {
  celRule,
  type Field,
  list,
  type ObjectSchema,
  object,
  optional,
  type Rule,
  required,
  rule,
  text,
} from './schema.ts';

const REQUEST_KINDS = ['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute'];
/** Routes of connections and datagrams, for policies that have something to say of those. */
const STREAM_KINDS = ['TLSRoute', 'TCPRoute', 'UDPRoute'];

function targetsOf(kinds: readonly string[]): Field {
  const names = `${kinds.slice(0, -1).join('s, ')}s or ${kinds.at(-1)}s`;
  const takesThese = celRule(
    `self.all(r, r.group == "" ? r.kind == "Service" : r.group == "gateway.networking.k8s.io" && r.kind in ${JSON.stringify(kinds).replaceAll(',', ', ')})`,
    rule<PolicyTargetReference[]>(
      `must name ${names} of group gateway.networking.k8s.io, or Services with group ""`,
      (refs) =>
        refs.every(({ group, kind }) =>
          group === '' ? kind === 'Service' : group === 'gateway.networking.k8s.io' && kinds.includes(kind),
        ),
    ),
  );
  return required(list(policyTargetReference, { min: 1, max: 16, rules: [...targetsAreDistinct, takesThese] }));
}

export const requestTargets = targetsOf(REQUEST_KINDS);
export const streamTargets = targetsOf([...REQUEST_KINDS, ...STREAM_KINDS]);

type Spec = Record<string, unknown> & { defaults?: object; overrides?: object };

/**
 * `fields`: the settings. In the spec itself nothing is filled in, since that would make settings of an empty spec:
 * `wanted` is what an object of settings must have.
 */
export function requestPolicySpec(
  fields: Record<string, Field>,
  rules: readonly Rule[] = [],
  targetRefs: Field = requestTargets,
): ObjectSchema {
  const names = Object.keys(fields);
  const settings = object(fields, { rules });
  const own = Object.fromEntries(names.map((name) => [name, { schema: fields[name]!.schema, required: false }]));
  const any = names.map((name) => `has(self.${name})`).join(' || ');
  const has = (spec: Spec): boolean => names.some((name) => spec[name] !== undefined);
  return object(
    { targetRefs, ...own, defaults: optional(settings), overrides: optional(settings) },
    {
      rules: [
        celRule(
          `${any} || has(self.defaults) || has(self.overrides)`,
          rule<Spec>(
            `must have ${names[0]}, or defaults, or overrides: it says nothing yet`,
            (spec) => has(spec) || spec.defaults !== undefined || spec.overrides !== undefined,
          ),
        ),
        celRule(
          `!has(self.defaults) || !(${any})`,
          rule<Spec>(
            `must not stand beside ${names.join(', ')} in the spec, which are defaults, too: move them there`,
            (spec) => spec.defaults === undefined || !has(spec),
            'defaults',
          ),
        ),
        ...Object.entries(fields)
          .filter(([, field]) => field.required)
          .map(([name]) =>
            celRule(
              `!(${any}) || has(self.${name})`,
              rule<Spec>('is required', (spec) => !has(spec) || spec[name] !== undefined, name),
            ),
          ),
        ...rules.map((one) => ({
          ...one,
          ...(one.cel === undefined ? {} : { cel: `!(${any}) || (${one.cel})` }),
          holds: (spec: Spec) => !has(spec) || one.holds(spec as never),
        })),
      ],
    },
  );
}

/** As much of a policy as says what it guards, of one whose settings cannot be read. */
export const guardedTargets = object({ targetRefs: streamTargets, refused: required(text()) });
