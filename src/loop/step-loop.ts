/**
 * One machine and the queue before it: takes one input at a time, steps the machine, performs its
 * outputs in order. All loops of the daemon, of its threads and of the guard are this one.
 * TURN1  An input that comes while another one is stepped or performed waits for its turn.
 * TURN2  The outputs of one step are performed in order, all of them before the next step.
 * TURN3  After `end` nothing is stepped or performed, not even what the same step has put out.
 */
export type StepLoopParts<Input, Output> = {
  readonly step: (input: Input) => Iterable<Output>;
  readonly perform: (output: Output) => void;
  /** Nothing waits any more. */
  readonly onIdle?: () => void;
};

export class StepLoop<Input, Output> {
  readonly #parts: StepLoopParts<Input, Output>;
  #waiting: Input[] = [];
  #running = false;
  #held = false;
  #ended = false;

  constructor(parts: StepLoopParts<Input, Output>) {
    this.#parts = parts;
  }

  /** An input is being stepped or performed. */
  get running(): boolean {
    return this.#running;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** TURN1. */
  push(input: Input): void {
    if (this.#ended) return;
    this.#waiting.push(input);
    this.#run();
  }

  /** What `fill` pushes is taken when it has returned, one after the other. */
  pushTogether(fill: () => void): void {
    this.#held = true;
    fill();
    this.#held = false;
    this.#run();
  }

  /** TURN3. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
  }

  #run(): void {
    if (this.#running || this.#held || this.#ended) return;
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const input of batch) this.#take(input);
    }
    this.#running = false;
    if (!this.#ended) this.#parts.onIdle?.();
  }

  #take(input: Input): void {
    if (this.#ended) return;
    for (const output of this.#parts.step(input)) {
      this.#parts.perform(output);
      if (this.#ended) return;
    }
  }
}
