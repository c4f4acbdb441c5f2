/** Work that connections put off to the end of the event loop's turn, so that it is done once for many reads. */
export interface TurnTask {
  /** Is in the list for this turn. */
  scheduled: boolean;
  onTurn(): void;
}

let tasks: TurnTask[] = [];

export function schedule(task: TurnTask): void {
  if (task.scheduled) return;
  task.scheduled = true;
  if (tasks.push(task) === 1) setImmediate(runTasks);
}

function runTasks(): void {
  const due = tasks;
  tasks = [];
  for (const task of due) {
    task.scheduled = false;
    task.onTurn();
  }
}
