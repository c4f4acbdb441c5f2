export { AnswerDisk, type FoundAnswer, MAX_WHOLE_BODY } from './answer-disk.ts';
export type { DiskPlace } from './disk-folder.ts';
