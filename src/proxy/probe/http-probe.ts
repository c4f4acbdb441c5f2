/** A look by a request of HTTP: its status is what counts. Redirects are followed nowhere. */
import type { HttpHealthQuestion } from '../../config/index.ts';
import type { Head } from '../ground/head.ts';
import { ExchangeProbe } from './exchange-probe.ts';
import { FINE } from './finding.ts';
import { USER_AGENT } from './user-agent.ts';

export class HttpProbe extends ExchangeProbe<HttpHealthQuestion> {
  #finding: number = FINE;

  protected head(): string {
    const { question, site } = this.order;
    const host = question.host ?? (site.target.tls?.serverName || site.label);
    return `${question.method} ${question.path} HTTP/1.1\r\nHost: ${host}\r\n${USER_AGENT}Accept: */*\r\n`;
  }

  protected body(): undefined {
    return undefined;
  }

  /** What is wrong is known at once; what is right is to come whole, or as far as it is read. */
  protected judgeHead({ status }: Head): number | undefined {
    const expected = this.order.question.statuses.some(({ from, to }) => status >= from && status <= to);
    this.#finding = expected ? FINE : status;
    return expected ? undefined : status;
  }

  protected takeBody(): void {}

  protected judgeEnd(): number {
    return this.#finding;
  }

  protected judgeLong(): number {
    return this.#finding;
  }
}
