/** docs/peers.md: what Daemun and others do where nobody says how. test/peers asks. */
import { type Question, questions } from '../../peers/question.ts';

export function peersPage(): string {
  const { sources, groups } = questions();
  const cell = (text: string): string =>
    text.replaceAll('|', '\\|').replace(/\[([a-z][\w.-]*)\](?!\()/g, (whole, name) => {
      const to = sources[name];
      return to === undefined ? whole : `([${name}](${to}))`;
    });
  const row = (one: Question): string =>
    `| ${[one.question, one.daemun, one.nginx, one['ingress-nginx'], one['envoy-gateway']].map((text) => cell(text ?? 'not documented')).join(' | ')} |`;
  const sections = groups.map(
    (group) =>
      `## ${group.group}\n\n| question | Daemun | nginx 1.22 | ingress-nginx 1.15.1 | Envoy Gateway 1.9 |\n|---|---|---|---|---|\n${group.questions.map(row).join('\n')}\n`,
  );
  return `# Daemun and others, on the same questions

What each does where nobody has said how. Daemun and Debian's nginx 1.22, with nothing set but what makes it a proxy, were
asked the same over real sockets: [test/peers](../test/peers) sends each request and compares each answer, and the page is
made of its table (\`npm run docs\`). Times are too long to be waited for: Daemun's are those of the code, nginx's those of its
manual. What ingress-nginx did is recorded, or read in its source or its page; what Envoy Gateway does is what the named page
says. "Not documented" means that no source is known, and not that there is nothing. NGINX Gateway Fabric writes a configuration of nginx and
[leaves nginx's defaults](https://docs.nginx.com/nginx-gateway-fabric/traffic-management/client-settings/) where its policies say nothing.

\`200; backend: …\` is a status, and what the backend got; \`none\`: it got no such line.

${sections.join('\n')}`;
}

/** Short names in cells that no source has: a reader would find brackets. */
export function unknownSources(): string[] {
  const { sources, groups } = questions();
  const cells = groups.flatMap((group) => group.questions.flatMap((one) => Object.values(one)));
  const named = cells.flatMap((text) =>
    typeof text === 'string' ? Array.from(text.matchAll(/\[([a-z][\w.-]*)\](?!\()/g), ([, name]) => name!) : [],
  );
  return named.filter((name) => name !== 'test' && !(name in sources));
}
