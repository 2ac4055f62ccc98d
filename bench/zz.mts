import { openEngine, measureRoofline, Trainer } from '../src/node.ts';
import { taskOf } from './cases/setup.ts';
import { trainerOptions } from './cases/steps.ts';
for (const adapter of ['software','embedded'] as const) { const e = await openEngine({adapter}); for(let i=0;i<2;i++) console.log(adapter, await measureRoofline(e));
 const t = await Trainer.create(e, trainerOptions(taskOf([128,128],150,150), {preconditioner:{top:70}}));
 const p = await t.profile(); let sum=0;
 for (const d of p) { sum+=d.milliseconds; console.log(d.kernel.padEnd(16), d.extent.padEnd(34), d.milliseconds.toFixed(3).padStart(8), d.gflops.toFixed(2).padStart(7), d.gigabytes.toFixed(2)); }
 console.log('sum', sum);
 await e.dispose(); }
