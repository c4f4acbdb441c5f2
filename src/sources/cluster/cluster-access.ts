/** How a cluster is reached: from a kubeconfig, or from inside a pod. */
import { type ExecFileException, execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { load } from 'js-yaml';
import { isObject } from '../../value/json-object.ts';

export interface ClusterAccess {
  /** Base of the API, such as `https://10.0.0.1:6443`. */
  server: URL;
  /** PEM. Absent: the system's authorities. */
  ca?: string;
  /** Name on the server's certificate, where it is not the address. */
  serverName?: string;
  /** Asked for by the user; never a default. */
  insecure?: boolean;
  /** PEM of a client certificate and its key. */
  certificate?: string;
  key?: string;
  /** The value of the Authorization header; asked for before each request, so that it may rotate. */
  authorization?: () => Promise<string | undefined>;
  /** Namespace of the context, or of the pod. */
  namespace: string;
  /** What a person knows it by. */
  name: string;
}

/** A cluster that cannot be reached as it is described. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
}

export interface AccessOptions {
  /** Path of a kubeconfig; default: $KUBECONFIG, then the pod's own account, then ~/.kube/config. */
  kubeconfig?: string | undefined;
  context?: string | undefined;
  env?: NodeJS.ProcessEnv;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A projected token is read again this often, in milliseconds: the kubelet renews it long before it ends. */
const TOKEN_REREAD = 30_000;
/** Milliseconds for a credential plugin. */
const PLUGIN_TIMEOUT = 30_000;

export async function clusterAccess({ kubeconfig, context, env = process.env }: AccessOptions): Promise<ClusterAccess> {
  const given = kubeconfig ?? env.KUBECONFIG;
  if (given === undefined || given === '') {
    if (env.KUBERNETES_SERVICE_HOST !== undefined) return podAccess(env);
    return fromKubeconfig([join(home(), '.kube', 'config')], context);
  }
  return fromKubeconfig(
    given.split(delimiter).filter((path) => path !== ''),
    context,
  );
}

function home(): string {
  try {
    return homedir();
  } catch {
    throw new AccessError('this user has no home folder with a .kube/config: give --kubeconfig or $KUBECONFIG');
  }
}

async function podAccess(env: NodeJS.ProcessEnv): Promise<ClusterAccess> {
  const host = env.KUBERNETES_SERVICE_HOST!;
  const port = env.KUBERNETES_SERVICE_PORT ?? '443';
  const [ca, namespace] = await Promise.all([
    readFile(join(ACCOUNT, 'ca.crt'), 'utf8'),
    readFile(join(ACCOUNT, 'namespace'), 'utf8'),
  ]).catch((error: unknown) => {
    throw new AccessError(`the pod has no service account to reach the cluster with: ${String(error)}`);
  });
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    ca,
    authorization: bearerOfFile(join(ACCOUNT, 'token')),
    namespace: namespace.trim(),
    name: 'in-cluster',
  };
}

interface Named {
  name: string;
  [key: string]: unknown;
}

async function fromKubeconfig(paths: string[], context: string | undefined): Promise<ClusterAccess> {
  // Of several files the first that names a thing counts, as for kubectl.
  const files = await Promise.all(paths.map(readKubeconfig));
  const find = (list: string, name: unknown, key: string): { value: Record<string, unknown>; folder: string } => {
    for (const { content, folder } of files) {
      const all = content[list];
      const one = Array.isArray(all) ? (all as Named[]).find((entry) => entry?.name === name) : undefined;
      if (one !== undefined && isObject(one[key])) return { value: one[key], folder };
    }
    throw new AccessError(`${paths.join(', ')}: ${list} has no ${key} "${String(name)}"`);
  };
  const chosen = context ?? files.map(({ content }) => content['current-context']).find((name) => name !== undefined);
  if (typeof chosen !== 'string' || chosen === '') {
    throw new AccessError(`${paths.join(', ')}: there is no current-context; name one with --context`);
  }
  const { value: scope } = find('contexts', chosen, 'context');
  const { value: cluster, folder } = find('clusters', scope.cluster, 'cluster');
  const user = scope.user === undefined || scope.user === '' ? undefined : find('users', scope.user, 'user');
  const server = text(cluster.server);
  if (server === undefined || !URL.canParse(server)) {
    throw new AccessError(`${paths.join(', ')}: cluster "${String(scope.cluster)}" has no server that is a URL`);
  }
  return {
    server: new URL(server),
    ca: await material(cluster, 'certificate-authority', folder),
    serverName: text(cluster['tls-server-name']),
    insecure: cluster['insecure-skip-tls-verify'] === true,
    namespace: text(scope.namespace) ?? 'default',
    name: chosen,
    ...(user === undefined ? {} : await credentials(user.value, user.folder)),
  };
}

async function readKubeconfig(path: string): Promise<{ content: Record<string, unknown>; folder: string }> {
  try {
    const content = load(await readFile(path, 'utf8'));
    if (!isObject(content)) throw new Error('is no kubeconfig');
    return { content, folder: dirname(path) };
  } catch (error) {
    throw new AccessError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function credentials(
  user: Record<string, unknown>,
  folder: string,
): Promise<Pick<ClusterAccess, 'certificate' | 'key' | 'authorization'>> {
  const pair = {
    certificate: await material(user, 'client-certificate', folder),
    key: await material(user, 'client-key', folder),
  };
  const { token, tokenFile, username, password, exec } = user;
  if (typeof token === 'string') return { ...pair, authorization: async () => `Bearer ${token}` };
  if (typeof tokenFile === 'string') return { ...pair, authorization: bearerOfFile(within(folder, tokenFile)) };
  if (typeof username === 'string') {
    const basic = Buffer.from(`${username}:${String(password ?? '')}`).toString('base64');
    return { ...pair, authorization: async () => `Basic ${basic}` };
  }
  if (isObject(exec)) return plugin(exec, folder);
  if (user['auth-provider'] !== undefined) {
    throw new AccessError('auth-provider was removed from Kubernetes in 1.26: use an exec credential plugin');
  }
  return pair;
}

/** `NAME-data` (base64) or the file that `NAME` names. */
async function material(from: Record<string, unknown>, name: string, folder: string): Promise<string | undefined> {
  const data = text(from[`${name}-data`]);
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const path = text(from[name]);
  if (path === undefined) return undefined;
  return readFile(within(folder, path), 'utf8').catch((error: unknown) => {
    throw new AccessError(`${name} of the kubeconfig cannot be read: ${String(error)}`);
  });
}

function within(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A token in a file that is replaced now and then. */
export function bearerOfFile(path: string): () => Promise<string> {
  let token = '';
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - readAt > TOKEN_REREAD) {
      token = (await readFile(path, 'utf8')).trim();
      readAt = performance.now();
    }
    return `Bearer ${token}`;
  };
}

/** Of several lines of a hint the first says what to do. */
function pluginFault(
  command: string,
  error: NodeJS.ErrnoException | ExecFileException,
  hint: string | undefined,
): AccessError {
  const { code } = error;
  const way = hint === undefined ? 'install it, or name another context with --context' : hint.trim().split('\n')[0];
  if (code === 'ENOENT')
    return new AccessError(`credential plugin ${command} of the kubeconfig is not installed: ${way}`);
  if (code === 'EACCES')
    return new AccessError(`credential plugin ${command} of the kubeconfig may not be run: chmod +x it`);
  if ('killed' in error && error.killed) {
    return new AccessError(
      `credential plugin ${command} gave nothing in ${PLUGIN_TIMEOUT / 1000} s: does it wait for a person? Sign in with it first`,
    );
  }
  return new AccessError(`credential plugin ${command} failed with ${String(code)}: run it by itself to see why`);
}

/** An exec credential plugin (client.authentication.k8s.io): run once, and again when what it gave has ended. */
async function plugin(
  exec: Record<string, unknown>,
  folder: string,
): Promise<Pick<ClusterAccess, 'certificate' | 'key' | 'authorization'>> {
  const command = text(exec.command);
  if (command === undefined) throw new AccessError('exec of the kubeconfig names no command');
  const args = Array.isArray(exec.args) ? exec.args.map(String) : [];
  const extra = Array.isArray(exec.env) ? (exec.env as Array<{ name: string; value: string }>) : [];
  const info = { apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  const env = {
    ...process.env,
    ...Object.fromEntries(extra.map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  };
  const run = (): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      // Its words go to the person who waits for it; what it prints is a credential and is never repeated.
      const path = command.includes('/') ? within(folder, command) : command;
      execFile(path, args, { env, timeout: PLUGIN_TIMEOUT }, (error, stdout) => {
        if (error) return reject(pluginFault(command, error, text(exec.installHint)));
        try {
          const { status } = JSON.parse(stdout) as { status?: Record<string, unknown> };
          resolve(status ?? {});
        } catch {
          reject(new AccessError(`credential plugin ${command} printed no ExecCredential`));
        }
      });
    });
  let status = await run();
  const ended = (): boolean => {
    const at = Date.parse(text(status.expirationTimestamp) ?? '');
    return !Number.isNaN(at) && at < Date.now() + 10_000;
  };
  return {
    certificate: text(status.clientCertificateData),
    key: text(status.clientKeyData),
    authorization: async () => {
      if (ended()) status = await run();
      const token = text(status.token);
      return token === undefined ? undefined : `Bearer ${token}`;
    },
  };
}
