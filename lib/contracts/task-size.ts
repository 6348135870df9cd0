/** How large a trading task is, and how many of them a colour has: what the settings say, and what the bill is made of. */
import * as z from 'zod/mini';

/** In the Region that is home: one trades, one stands by in another zone. */
export const tasksPerColour = 2;

export const TaskSize = z.strictObject({ vcpu: z.number(), memoryGb: z.number() });
export type TaskSize = z.infer<typeof TaskSize>;

const upTo = (least: number, most: number): readonly number[] => Array.from({ length: most - least + 1 }, (_, index) => least + index);

/** What Fargate takes together, up to four vCPU (ECS Developer Guide, "Troubleshoot Amazon ECS task definition invalid CPU or memory errors"). */
const memoryGbOf: ReadonlyMap<number, readonly number[]> = new Map([
  [0.25, [0.5, 1, 2]], [0.5, upTo(1, 4)], [1, upTo(2, 8)], [2, upTo(4, 16)], [4, upTo(8, 30)],
]);

export const taskSizes: readonly TaskSize[] = [...memoryGbOf].flatMap(([vcpu, sizes]) => sizes.map((memoryGb) => ({ vcpu, memoryGb })));

export const isTaskSize = ({ vcpu, memoryGb }: TaskSize): boolean => memoryGbOf.get(vcpu)?.includes(memoryGb) ?? false;
