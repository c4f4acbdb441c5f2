/** A namespace with backends, in which a test lets users apply what they would. */
import { randomBytes } from 'node:crypto';
import { kubectl, output } from './kubectl.ts';

/** The backend of the conformance suite: says which pod answered. */
const ECHO_IMAGE = 'registry.k8s.io/gateway-api/echo-basic:v1.5.1';

export class Scene {
  readonly namespace: string;
  readonly #more: string[] = [];

  private constructor(namespace: string) {
    this.namespace = namespace;
  }

  static async open(name: string, labels: Record<string, string> = {}): Promise<Scene> {
    const scene = new Scene(`${name}-${randomBytes(3).toString('hex')}`);
    await scene.apply(namespaceOf(scene.namespace, labels));
    return scene;
  }

  /** Another namespace, that goes with this one. */
  async namespaceBeside(suffix: string, labels: Record<string, string> = {}): Promise<string> {
    const name = `${this.namespace}-${suffix}`;
    await this.apply(namespaceOf(name, labels));
    this.#more.push(name);
    return name;
  }

  /** Into the scene's namespace, where the manifests name none. */
  async apply(manifests: string): Promise<void> {
    await kubectl(['apply', '--server-side', '--force-conflicts', '-n', this.namespace, '-f', '-'], {
      input: manifests,
    });
  }

  async applyHere(manifests: string, namespace: string): Promise<void> {
    await kubectl(['apply', '--server-side', '-n', namespace, '-f', '-'], { input: manifests });
  }

  /** What kubectl prints, for the scene's namespace. */
  kubectl(...args: string[]): Promise<string> {
    return output(['-n', this.namespace, ...args]);
  }

  /** Until it holds; `what` as kubectl has it: `gateway/edge`. */
  async wait(what: string, condition: string, seconds = 120): Promise<void> {
    await kubectl(['-n', this.namespace, 'wait', `--for=condition=${condition}`, what, `--timeout=${seconds}s`], {
      timeout: (seconds + 5) * 1000,
    });
  }

  async address(gateway: string): Promise<string> {
    await this.wait(`gateway/${gateway}`, 'Programmed');
    return this.kubectl('get', `gateway/${gateway}`, '-o', 'jsonpath={.status.addresses[0].value}');
  }

  /** A backend with so many pods, all of them ready. */
  async echo(name: string, replicas = 1): Promise<void> {
    await this.apply(echo(name, replicas));
    await kubectl(['-n', this.namespace, 'rollout', 'status', `deployment/${name}`, '--timeout=120s'], {
      timeout: 130_000,
    });
  }

  async close(): Promise<void> {
    const names = [this.namespace, ...this.#more];
    await kubectl(['delete', 'namespace', ...names, '--wait=false', '--ignore-not-found']);
  }
}

function namespaceOf(name: string, labels: Record<string, string>): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
}

export function gateway(name: string, more = ''): string {
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name} }
spec:
  gatewayClassName: daemun
  listeners:
    - { name: http, port: 80, protocol: HTTP }
${more}`;
}

export function route(
  name: string,
  { gateway, host, service }: Record<'gateway' | 'host' | 'service', string>,
): string {
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec:
  parentRefs: [{ name: ${gateway} }]
  hostnames: ["${host}"]
  rules:
    - backendRefs: [{ name: ${service}, port: 8080 }]
`;
}

function echo(name: string, replicas: number): string {
  return `---
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  selector: { app: ${name} }
  ports: [{ port: 8080, targetPort: 3000 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: echo
          image: ${ECHO_IMAGE}
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          env:
            - name: POD_NAME
              valueFrom: { fieldRef: { fieldPath: metadata.name } }
            - name: NAMESPACE
              valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
          readinessProbe: { httpGet: { path: /, port: 3000 }, periodSeconds: 1 }
          # It ends at once where it is told to: gateways must have heard of it by then.
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
`;
}
