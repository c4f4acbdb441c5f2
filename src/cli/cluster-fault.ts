/** Why a cluster cannot be read, for commands that look once: all of it at a time, each with the way out. */
import { X509Certificate } from 'node:crypto';
import { ApiError, type ClusterAccess } from '../sources/cluster/index.ts';

/** What went wrong, by what was read: `Kind/namespace` (`Kind/` for all of them), or '' where nothing was. */
export type ReadFaults = ReadonlyMap<string, Error>;

/** Waiting brings nothing of this: a right, or who asks. */
export function isLasting(error: Error): boolean {
  return error instanceof ApiError ? error.status === 403 || error.status === 401 : LASTING.test(codeOf(error));
}

/** Certificates that do not fit, names that do not exist. */
const LASTING = /^(?:ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ENOTFOUND$|ERR_SSL_|ERR_OSSL_)/;

function codeOf(error: Error): string {
  return String((error as NodeJS.ErrnoException).code ?? '');
}

/** Undefined: nothing is wrong. */
export function clusterFault(faults: ReadFaults, access: ClusterAccess): string | undefined {
  const errors = [...faults.values()];
  const unknown = errors.find((error) => error instanceof ApiError && error.status === 401);
  if (unknown !== undefined) return notKnown(access, unknown);
  const denied = [...faults].filter(([, error]) => error instanceof ApiError && error.status === 403);
  if (denied.length > 0)
    return missingRights(
      denied.map(([about]) => about),
      denied[0]![1],
    );
  const [about = '', error] = [...faults][0] ?? [];
  if (error === undefined) return undefined;
  if (error instanceof ApiError) return `${about}: ${error.message}; try again later`;
  return unreachable(access, error);
}

function notKnown(access: ClusterAccess, { message }: Error): string {
  const ended = endOf(access.certificate);
  const why =
    ended !== undefined && ended.getTime() < Date.now()
      ? `the client certificate of the kubeconfig ended on ${ended.toISOString().slice(0, 10)}`
      : 'its certificate, token or credential plugin gives what is no longer valid';
  return `the API server ${access.server.origin} does not know who asks (401 ${message}): ${why}; sign in to the cluster anew, or name another context with --context`;
}

function endOf(certificate: string | undefined): Date | undefined {
  if (certificate === undefined) return undefined;
  try {
    return new X509Certificate(certificate).validToDate;
  } catch {
    // Whoever cannot read it is not told by it.
    return undefined;
  }
}

/** `Kind/namespace`, as faults are called. */
function missingRights(denied: readonly string[], { message }: Error): string {
  const scopes = Map.groupBy(denied, (about) => about.slice(about.indexOf('/') + 1));
  const all = Array.from(scopes, ([scope, about]) => {
    const kinds = about.map((one) => one.slice(0, one.indexOf('/'))).sort();
    return `${kinds.join(', ')} ${scope === '' ? 'in all namespaces' : `in namespace ${scope}`}`;
  });
  const narrower = scopes.has('') ? ', or name the namespaces that it may read with -n' : '';
  return `this account may not list ${all.join('; ')} (${message}): grant it get, list and watch on them${narrower}`;
}

function unreachable({ server, name, ca }: ClusterAccess, error: Error): string {
  const code = codeOf(error);
  const where = `the API server ${server.origin} (context ${name})`;
  if (code === 'CERT_HAS_EXPIRED') {
    return `${where} shows a certificate that has ended: renew it there, or look at this machine's clock`;
  }
  if (/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code)) {
    const by = ca === undefined ? 'the authorities of this system' : 'certificate-authority of the kubeconfig';
    return `${where} shows a certificate that ${by} did not sign (${error.message}): give its authority in the kubeconfig`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `${where} shows a certificate for another name (${error.message}): mend server or tls-server-name of the kubeconfig`;
  }
  return `${where} cannot be reached: ${reasonOf(error)}; is it up, and is this the cluster that is meant? --context names another`;
}

/** Of several addresses that were tried, each has its own. */
function reasonOf(error: Error): string {
  const { errors } = error as Partial<AggregateError>;
  const own = error.message === '' ? codeOf(error) : error.message;
  return errors === undefined || own !== codeOf(error) ? own : errors.map((one: Error) => one.message).join('; ');
}
