/** One request to a backend: the Upstream of an exchange. */
import { createHash } from 'node:crypto';
import { ARENA, COMPOSE_START, JOIN_START } from '../arena.ts';
import { BODY_LENGTH, BODY_NONE, BODY_OPEN, BODY_TUNNEL, type BodyFraming, type Failure, type ResponseSide, type Upstream } from '../codec.ts';
import { putText } from '../compose.ts';
import { parseResponseHead } from '../h1/parse.ts';
import { FIELD_KEPT, fieldsFrom, type Head } from '../head.ts';
