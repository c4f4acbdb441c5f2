/** By which a backend knows who asks. */
export const USER_AGENT = 'User-Agent: daemun-health-check\r\n';
