/** What a controller puts into all infrastructure that it makes. */
export interface InfrastructureSettings {
  /** Of the data planes. */
  image: string;
  /** URL of the config stream, such as `https://daemun-controller.daemun-system.svc:15010`. */
  stream: string;
  /** PEM of the authorities by which data planes know the controllers. */
  authority: string;
  /** Of the projected token by which a data plane says who it is. */
  audience: string;
  /** The controller's own. */
  namespace: string;
}
