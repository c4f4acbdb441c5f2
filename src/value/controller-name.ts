/** Of ours: in GatewayClasses that are written, in a cluster where no other is named, in statuses without a class. */
export const CONTROLLER_NAME = 'daemun.dev/gateway-controller';
