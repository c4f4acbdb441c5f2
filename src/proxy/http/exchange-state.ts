/**
 * All that one exchange holds, for each of its layers. They have no fields and no constructors of their own: five of
 * those, one calling the other, cost each request more than what they set.
 */
import { HeaderPatch } from '../filter/index.ts';
import type { Downstream, Upstream } from '../ground/codec.ts';
import type { ClientRules, PlannedBackend, RoutePlan } from '../route/index.ts';
import type { DecisionCounter } from '../state/index.ts';
import type { Aim, EndpointPool } from '../upstream/index.ts';
import { Account } from './account.ts';
import type { BackendRequest } from './backend-request.ts';
import type { BodyPipeline } from './body-pipeline.ts';
import { ExchangeTimes } from './exchange-times.ts';
import type { FilterRun } from './filter-run.ts';
import type { FilteredAnswer } from './filtered-answer.ts';
import type { GrpcWeb } from './grpc-web.ts';
import type { HeldRequest } from './held-request.ts';
import { PREFERS_JSON, type Preference } from './local-reply.ts';
import type { Mirrors } from './mirror.ts';
import { nextChance, nextIdNumber } from './request-id.ts';
import type { HttpService, UpstreamChoice } from './service.ts';

export abstract class ExchangeState extends ExchangeTimes {
  protected readonly service: HttpService;
  protected down: Downstream;
  protected readonly account = new Account();
  protected readonly idChance = nextChance();
  protected readonly idNumber = nextIdNumber();

  // ── the request

  /** Of the listener; null: no policy says anything. */
  protected rules: ClientRules | null = null;
  /** Bytes of the body; 0: no limit. */
  protected maxBodyBytes: number;
  /** Tells that a body was longer; null: no policy said how long one may be. */
  protected bodyDenied: DecisionCounter | null = null;
  /** From a trusted hop, or ''. */
  protected givenId = '';
  protected preference: Preference = PREFERS_JSON;
  protected headRequest = false;
  protected requestComplete = false;
  /** The client waits for `100 Continue`. */
  protected expectsContinue = false;
  /** Of a gRPC-Web request; stands in the place of the client where the backend speaks gRPC, or nobody answers. */
  protected web: GrpcWeb | null = null;
  protected plan: RoutePlan | null = null;
  /** Null where no filter acts. */
  protected run: FilterRun | null = null;
  /** While a filter makes the request wait. */
  protected held: HeldRequest | null = null;
  /** Transforms of the body. */
  protected intake: BodyPipeline | null = null;
  protected mirrors: Mirrors | null = null;

  // ── the attempt

  protected planned: PlannedBackend | null = null;
  protected choice: UpstreamChoice | null = null;
  /** Where the request wants to go among the endpoints; null: nowhere. */
  protected aim: Aim | null = null;
  protected request: BackendRequest | null = null;
  protected pool: EndpointPool | null = null;
  protected up: Upstream | null = null;
  /** The backend takes no more of the request, or the client no more of the answer, for now. */
  protected upBlocked = false;
  protected downBlocked = false;
  /** It counts among the backend's retries. */
  protected retrying = false;
  /** It was sent again without any rule that says so. */
  protected repeated = false;
  /** The attempt under way went out on a connection that had carried other requests. */
  protected onUsed = false;
  /** The backend is asked whether the client may go on. */
  protected awaitsContinue = false;

  // ── the answer

  /** Bytes that 1xx heads count for. */
  protected informational = 0;
  /** Lines of a 103 that goes to the client with the first attempt; ''. */
  protected hints = '';
  /** Changes of the rule, or of rule and backend, without those of filters that ran. */
  protected responsePatch: HeaderPatch = HeaderPatch.NONE;
  /** An answer whose head or body filters have a say in; null once there is nothing more to say. */
  protected filtered: FilteredAnswer | null = null;
  protected responseStarted = false;
  /** The answer is one of gRPC, whose end tells how it went. */
  protected endsWithStatus = false;
  protected tunnel = false;
  /** Directions of the tunnel that are still open. */
  protected tunnelOpen = 2;
  protected over = false;

  constructor(service: HttpService, down: Downstream) {
    super(service.wheel, service.limits.streamIdleTimeout);
    this.service = service;
    this.maxBodyBytes = service.limits.maxBodyBytes;
    this.down = down;
  }
}
