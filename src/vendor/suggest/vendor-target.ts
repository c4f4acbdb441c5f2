export interface VendorTarget {
  kind: 'Gateway' | 'ListenerSet' | 'HTTPRoute' | 'GRPCRoute' | 'Service';
  name: string;
  sectionName?: string;
}
