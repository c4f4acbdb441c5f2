/** Somebody with every right in one namespace, and none elsewhere. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectl, output } from './kubectl.ts';

const RIGHTS = `---
apiVersion: v1
kind: ServiceAccount
metadata: { name: tenant }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: everything-here }
rules:
  - { apiGroups: ["*"], resources: ["*"], verbs: ["*"] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: everything-here }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: everything-here }
subjects: [{ kind: ServiceAccount, name: tenant }]
`;

export class Tenant {
  readonly namespace: string;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(namespace: string, folder: string) {
    this.namespace = namespace;
    this.#folder = folder;
    this.#env = { ...process.env, KUBECONFIG: join(folder, 'kubeconfig') };
  }

  /** In a namespace that is there. */
  static async open(namespace: string): Promise<Tenant> {
    await kubectl(['apply', '--server-side', '-n', namespace, '-f', '-'], { input: RIGHTS });
    const token = await output(['-n', namespace, 'create', 'token', 'tenant']);
    const given = JSON.parse(await output(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json'])) as {
      clusters: object[];
      contexts: Array<{ context: { cluster: string } }>;
    };
    const { cluster } = given.contexts[0]!.context;
    const folder = mkdtempSync(join(tmpdir(), 'daemun-tenant-'));
    // Nothing of who runs the tests: a client's certificate would count before a token.
    const own = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'tenant',
      clusters: given.clusters,
      users: [{ name: 'tenant', user: { token } }],
      contexts: [{ name: 'tenant', context: { cluster, user: 'tenant', namespace } }],
    };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(own), { mode: 0o600 });
    return new Tenant(namespace, folder);
  }

  get kubeconfig(): string {
    return join(this.#folder, 'kubeconfig');
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  async apply(manifests: string | object[]): Promise<void> {
    const input = typeof manifests === 'string' ? manifests : listed(manifests);
    await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input,
      env: this.#env,
      timeout: 170_000,
    });
  }

  /** `Type=Status Reason: message` of all that an object is told. */
  async told(what: string): Promise<string[]> {
    const { status = {} } = JSON.parse(await this.kubectl('get', what, '-o', 'json')) as { status?: object };
    return conditionsIn(status);
  }

  async kubectl(...args: string[]): Promise<string> {
    return (await kubectl(args, { env: this.#env })).trim();
  }
}

function listed(items: object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

function conditionsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { type, status, reason, message } = value as Record<string, string>;
  if (reason !== undefined && type !== undefined) return [`${type}=${status} ${reason}: ${message}`];
  return Object.values(value).flatMap(conditionsIn);
}

export function object(
  kind: string,
  name: string,
  fields: object,
  apiVersion = 'gateway.networking.k8s.io/v1',
): object {
  return { apiVersion, kind, metadata: { name }, ...fields };
}
