import { flag, free, list, optional, required, secret, text } from './schema.ts';

/** Of Kong's objects: neither has a spec. What config means is the plugin's to say (src/vendor/kong). */

/** Plugins are set to passwords, too. */
const config = secret(free);

export const kongPluginFields = {
  plugin: required(text({ min: 1 })),
  config: optional(config),
  configFrom: optional(free),
  configPatches: optional(list(free)),
  disabled: optional(flag),
  protocols: optional(list(text())),
  ordering: optional(free),
  run_on: optional(text()),
  instance_name: optional(text()),
};

export const kongConsumerFields = {
  username: optional(text()),
  custom_id: optional(text()),
  credentials: optional(list(text({ min: 1 }))),
  consumerGroups: optional(list(text())),
};
