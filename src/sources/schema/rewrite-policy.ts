import { headerName } from './format.ts';
import { requestPolicySpec } from './request-policy.ts';
import { list, object, optional, required, text } from './schema.ts';

const visible = (min: number) =>
  text({
    min,
    max: 1_024,
    format: {
      is: 'visible characters of one line',
      matches: (value) => /^[\x20-\x7e]*$/.test(value),
      openApi: { pattern: '^[ -~]*$' },
    },
  });

export const rewritePolicySpec = requestPolicySpec({
  paths: required(
    list(
      object({
        pattern: required(visible(1)),
        substitution: required(visible(1)),
        headers: optional(
          list(object({ name: required(headerName), value: required(visible(1)) }), {
            min: 1,
            max: 16,
            unique: ['name'],
          }),
        ),
      }),
      { min: 1, max: 16 },
    ),
  ),
});
