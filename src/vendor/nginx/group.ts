/** The group of NGINX Gateway Fabric's objects. */
export const NGINX_GROUP = 'gateway.nginx.org';
