/** The API server that a command line means. */
import { DaemunError } from '../observe/index.ts';
import { AccessError, ApiClient, clusterAccess } from '../sources/cluster/index.ts';

/** To be closed by who asks. Throws a DaemunError where no cluster can be told. */
export async function clusterClient(place: Parameters<typeof clusterAccess>[0]): Promise<ApiClient> {
  try {
    return new ApiClient(await clusterAccess(place));
  } catch (error) {
    if (error instanceof AccessError) throw new DaemunError('DMN_CLUSTER_ACCESS', error.message, { cause: error });
    throw error;
  }
}
