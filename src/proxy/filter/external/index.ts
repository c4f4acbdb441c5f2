export { ExternalAuthFilter } from './external-auth.ts';
