import { openEngine } from '../src/node.ts';
import { registerSchedule, subgroupSchedule, workgroupSchedule } from '../src/kernel/schedule.ts';
import { productDispatch } from '../src/kernel/dispatch.ts';
import { Memory } from '../src/buffer/memory.ts';
import { Pipelines } from '../src/kernel/pipelines.ts';
import { measure } from '../src/kernel/measure.ts';
import { stackOf } from '../src/buffer/layout.ts';
import { productProblem } from '../src/ops/matmul.ts';
const adapter = process.argv[2] as 'embedded';
const e = await openEngine({adapter}); const memory = new Memory(e.device); const pipelines = new Pipelines(e.device);
const size = e.device.subgroupSize!;
const cands = (process.argv[3] ?? '1x1,1x2,2x1,2x2').split(',').map(t => t.startsWith('r') ? registerSchedule(t.slice(1).split('/')[0].split('x').map(Number) as any, t.split('/')[1].split('x').map(Number) as any) : subgroupSchedule(size, t.split('x').map(Number) as any));
const shapes: [string, number, number, number, number, boolean, boolean][] = [['fwd',2,128,150,151,false,true],['gradW',2,150,151,128,true,false],['cot',2,128,150,150,false,false],['gramS',2,78,78,128,false,true],['thin',2,150,2,128,true,false], ['512',1,512,512,512,false,false]];
for (const [name, batch, rows, columns, inner, tl, tr] of shapes) {
  const la = stackOf(Array(batch).fill(tl ? [inner, rows] : [rows, inner])), lb = stackOf(Array(batch).fill(tr ? [columns, inner] : [inner, columns])), lc = stackOf(Array(batch).fill([rows, columns]));
  const [a,b,c] = [la,lb,lc].map(l => memory.createStorage('x', l.length*4));
  const ds = cands.map(s => productDispatch(e.device, 'product', {constants:{LEFT_TRANSPOSED: tl, RIGHT_TRANSPOSED: tr, BLEND:false}, problems: lc.parts.map((p,i)=>productProblem(la.parts[i], lb.parts[i], p, tl)), buffers:{left:a,right:b,result:c}}, s));
  const best = cands.map(() => Infinity);
  for (let r=0;r<3;r++) for (let i=0;i<ds.length;i++) best[i] = Math.min(best[i], await measure(ds[i], memory, pipelines, {rounds:3}));
  console.log(adapter, name, ds.map((d,i)=>`${cands[i].id}: ${best[i].toFixed(2)}ms ${(d.work.operations/1e6/best[i]).toFixed(2)}`).join('  |  '));
}
await e.dispose();
