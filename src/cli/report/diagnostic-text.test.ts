import { expect, test } from 'vitest';
import { diagnosticText } from './diagnostic-text.ts';

test('the line is shown without the password of a URL', () => {
  const at = { file: 'a.yaml', line: 3, object: 'RateLimitPolicy/shop/a', field: 'spec.shared.redis.url' };
  const line = '    redis: { url: "redis://user:s3cret@10.0.0.1" }';
  const text = diagnosticText(
    { severity: 'error', message: 'must be another', ...at },
    (_, plain) => plain,
    () => line,
  );
  expect(text).toContain('redis: { url: "redis://…@10.0.0.1" }');
  expect(text).not.toContain('s3cret');
});
