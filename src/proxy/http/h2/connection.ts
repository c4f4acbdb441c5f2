/**
 * What servers' and clients' connections have in common: frames in and out, settings, flow control, limits. The
 * order of frames and their meaning are those of RFC 9113.
 */
import assert from 'node:assert';
import type { Link, Sink } from '../../listen/driver.ts';
import { ARENA, JOIN_START } from '../arena.ts';
import type { Failure } from '../codec.ts';
import type { Deadline, DeadlineOwner, DeadlineWheel } from '../deadline.ts';
import { Head } from '../head.ts';
import {
  type Abuse,
  Allowance,
  abuseCounts,
  EMPTY_DATA_BUDGET,
  IGNORED_BUDGET,
  PING_BUDGET,
  RESET_BUDGET,
  SETTINGS_BUDGET,
} from './abuse.ts';
import { ClosedStreams, ENDED, RESET_BY_US } from './closedstreams.ts';
import { HpackDecoder } from './decoder.ts';
import { BLOCK_ROOM, HpackEncoder } from './encoder.ts';
import { FieldSection, type SectionRole } from './fieldsection.ts';
import * as frame from './frame.ts';
import { HeaderBlock } from './headerblock.ts';
import { CHUNK_SIZE, FrameOutput, putFrameHeader } from './output.ts';
import type { SectionFault } from './sectionfault.ts';
import { CONNECTION_WINDOW, DEFAULT_WINDOW, MAX_SECTION_BYTES, MAX_WINDOW, PeerSettings, SETTING_BYTES } from './settings.ts';
import type { H2Stream } from './stream.ts';
import { schedule, type TurnTask } from './turn.ts';

/** Heads live during one call only, so that one does for all connections. */
const SECTION = new FieldSection(new Head());

/** Milliseconds between looks at what a connection waits for. */
export const HOUSEKEEPING = 1_000;
/** A peer that does not acknowledge our SETTINGS in time, or takes no data while there is some. */
export const SETTINGS_ACK_TIMEOUT = 10_000;
export const STALL_TIMEOUT = 60_000;
/** After the last GOAWAY, for the peer to close. */
export const LINGER_TIMEOUT = 2_000;

const MAX_FRAME: number = 16 * 1024;
const PING_BYTES = 8;
const MAX_REASON = 96;
