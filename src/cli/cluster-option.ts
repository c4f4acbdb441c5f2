/** How a cluster is reached, and what of it is read. */
import { Option } from 'commander';
import { each } from './option.ts';

export interface ClusterFlags {
  kubeconfig?: string;
  context?: string;
  namespace?: string[];
}

export function clusterOptions(): Option[] {
  return [
    new Option('--kubeconfig <path>', 'how to reach it (default: $KUBECONFIG, or the account of the pod)'),
    new Option('--context <name>', 'context of the kubeconfig (default: the current one)'),
    new Option('-n, --namespace <name>', 'only objects of this namespace (repeatable; default: all)').argParser(
      each((text) => text),
    ),
  ];
}

/** Whether a command line asks for a cluster. */
export function asksForCluster({ kubeconfig, context, namespace }: ClusterFlags): boolean {
  return kubeconfig !== undefined || context !== undefined || namespace !== undefined;
}
