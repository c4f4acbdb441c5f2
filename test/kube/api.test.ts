/** The embedded API is one, and what stands on an API stands on it. */
import { type ApiRig, testApi } from './api.suite.ts';
import { ApiServer } from './index.ts';
import { testLease } from './lease.suite.ts';
import { testStatuses } from './status.suite.ts';

async function embedded(): Promise<ApiRig> {
  const api = await ApiServer.start({ bookmark: 50 });
  return {
    access: { server: api.url, namespace: 'default', name: 'test' },
    namespace: 'shop',
    close: () => api.close(),
  };
}

testApi('embedded', embedded);
testStatuses('embedded', embedded);
testLease('embedded', embedded);
